# What compiles an intent, by the base of the host: each is { lib, types } → { problems; document; closure; }.
{
  ubuntu = import ./ubuntu;
}
