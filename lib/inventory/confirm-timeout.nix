# The time that a changed host waits for a confirmation, in seconds, or false if it does not wait.
{ types }:
types.durationBetween {
  low = 1;
  # The longest time that the activator accepts.
  high = 3600;
  orFalse = true;
}
