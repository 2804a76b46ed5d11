{
  hosts.web-1.addr = "web-1";
  hosts.web-1.modules = [
    {
      nixfleet.healthChecks = {
        "two words".tcp.port = 80;
        body.http = {
          url = "http://localhost/";
          bodyContains = "";
        };
        both = {
          unit = "web.service";
          tcp.port = 80;
        };
        command.command = [ "pg_isready" ];
        head.http = {
          url = "http://localhost/";
          method = "HEAD";
          bodyContains = "ready";
        };
        header.http.url = "http://localhost/";
        header.http.requestHeaders."Accept:" = "text/html";
        length = {
          tcp.port = 80;
          timeout = "soon";
          interval = "2h";
        };
        long = {
          tcp.port = 80;
          retries = 1000;
        };
        longer = {
          unit = "web.service";
          retries = 360;
          timeout = 1;
        };
        none = { };
        operator = {
          unit = "web.service";
          from = "operator";
        };
        port.tcp.host = "db-1";
        stable = {
          tcp.port = 80;
          stableFor = "5s";
        };
        url.http.url = "localhost:8080";
        word = {
          tcp.port = 80;
          onFailure = "undo";
        };
      };
    }
  ];
}
