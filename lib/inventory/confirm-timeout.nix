# How long a changed host waits for a confirmation, in seconds; false if it does not wait.
{ types }:
types.durationBetween {
  low = 1;
  # The maximum of the activator.
  high = 3600;
  orFalse = true;
}
