# How long a changed host waits to be confirmed, in seconds; false where it does not wait.
{ types }:
types.durationBetween {
  low = 1;
  # As long as the activator would wait at most.
  high = 3600;
  orFalse = true;
}
