# The keys of the short form that are common in configurations of other tools and are no options of the
# inventory. They become facts without a warning.
{
  host = [
    "deploy"
    "fqdn"
    "hostname"
    "interfaces"
    "ip"
  ];
  network = [
    "dns"
    "domain"
    "gateway"
    "subnet"
  ];
}
