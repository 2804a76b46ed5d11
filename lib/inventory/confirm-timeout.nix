# The type of a confirm timeout: how many seconds a changed host waits for a confirmation before it rolls
# back, or false if it does not wait for a confirmation.
{ types }:
types.durationBetween {
  low = 1;
  # The longest time that the activator accepts.
  high = 3600;
  orFalse = true;
}
