# The type of facts. A fact is a property of one host or of all hosts, which modules can read.
{
  entries,
  named,
  scalar,
}:
let
  inherit (builtins)
    all
    attrValues
    isAttrs
    isFunction
    isList
    ;

  # Whether a value contains no function, and no result of mkIf or a similar function. Neither NixFleet nor
  # the module system would evaluate an mkIf inside a fact.
  isPlain =
    value:
    if isAttrs value && value.type or null != "derivation" then
      !(value ? _type) && all isPlain (attrValues value)
    else if isList value then
      all isPlain value
    else
      !isFunction value;

  fact = scalar.scalar {
    name = "fact";
    description = "a value without functions: a string, a number, a list, a set";
    accepts = isPlain;
    placeholder = null;
  };
in
{
  facts = entries {
    description = "a set of facts by name";
    key = named.label;
    keyExample = "domain";
    element = fact;
  };
}
