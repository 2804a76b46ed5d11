{
  defaults.rollout.canary = [
    "web-9 or (@canry and not web-*)"
    "role:wbe"
    "@prod and base:ubuntu and not all"
    "web-{7,8}"
  ];
  defaults.rollout.spread = "rak";

  roles.web = { };
  hosts.web-1.addr = "web-1";
  hosts.web-1.tags = [
    "prod"
    "rack:a"
  ];
  hosts.web-2.addr = "web-2";
  hosts.web-2.tags = [
    "canary"
    "rack:b"
  ];

  tags.prod.rollout.spread = "zone";
  tags.canary.rollout.canary = [ "web-2" ];
}
