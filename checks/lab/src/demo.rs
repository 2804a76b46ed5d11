//! The demo: the main use of NixFleet on three real hosts, with every command as a user types it.

use std::io::{self, Write as _};
use std::time::Instant;

use anyhow::{Result, bail};

use crate::binaries::Binaries;
use crate::lab::{Lab, Plan};
use crate::recipe::Recipe;
use crate::rootfs::RootFs;

/// The name of the demo's lab.
pub const LAB: &str = "demo";

/// Removes the lab of an earlier demo, boots a new lab, runs the demo in it, and leaves the lab running.
///
/// # Errors
/// The lab does not boot, or a command ends with an unexpected exit code.
pub fn run() -> Result<()> {
    Lab::end(LAB)?;
    says("Building NixFleet: a minute or two the first time.")?;
    Binaries::build_here()?;
    RootFs::of(&Recipe::host())?;
    let begun = Instant::now();
    says(
        "Booting three Debian hosts and an operator's machine, each with its own systemd, SSH server and Nix.",
    )?;
    let lab = Lab::boot_detached(&Plan::demo(LAB).shipped())?;
    says(&format!("They are up after {:.1} s. The fleet:", begun.elapsed().as_secs_f64()))?;
    Story { lab: &lab }.tell()?;
    says(&format!("That took {:.0} s.\n{HINTS}", begun.elapsed().as_secs_f64()))
}

/// The hints that are printed at the end of the demo.
const HINTS: &str = "
The hosts stay up. To look around:
    make shell                 the operator's machine, where the fleet is: try `nixfleet status`
    make shell HOST=web-1      one of the hosts, as root
    make demo                  all of it once more, on fresh hosts
To remove it all:
    make demo-down";

struct Story<'a> {
    lab: &'a Lab,
}

impl Story<'_> {
    fn tell(&self) -> Result<()> {
        self.types("cat fleet.nix")?;
        self.types("nixfleet hosts")?;
        self.converge()?;
        self.change()?;
        self.break_a_service()?;
        self.drift()?;
        self.roll_back()?;
        self.lose_a_host()?;
        self.remove_a_role()
    }

    fn converge(&self) -> Result<()> {
        says("What would change on web-1? A plan reads the host and touches nothing.")?;
        self.types("nixfleet plan --host web-1")?;
        says("Plan and apply on all hosts at once.")?;
        self.types("nixfleet apply --yes")?;
        self.types("curl -s http://web-1:8080/")?;
        says(
            "Apply again: there is nothing to do, so nothing restarts, and each host needs one SSH command.",
        )?;
        self.types("time nixfleet apply --yes")
    }

    fn change(&self) -> Result<()> {
        says(
            "Change one word of a page. Only the web server restarts, and only on hosts that have the page.",
        )?;
        self.types("sed -i 's/message = \"hello\"/message = \"good morning\"/' roles/web.nix")?;
        self.types("nixfleet plan --host web-1")?;
        self.types("nixfleet apply --yes")?;
        self.types("curl -s http://web-1:8080/")?;
        says("Another version of a package.")?;
        self.types("sed -i 's/helloVersion = \"1\"/helloVersion = \"2\"/' roles/web.nix")?;
        self.types("nixfleet plan --group web")?;
        self.types("nixfleet apply --yes")?;
        self.types("nixfleet run --group web -- bash -lc hello")
    }

    fn break_a_service(&self) -> Result<()> {
        says(
            "A mistake: the user web may not listen on port 80. The service fails, so the whole change is undone.",
        )?;
        self.types("sed -i 's/port = 8080/port = 80/; s/good morning/good night/' roles/web.nix")?;
        self.types_expecting("nixfleet apply --yes", 2)?;
        says("The old service still serves the old page. Undo the mistake, and nothing is left to do.")?;
        self.types("curl -s http://web-1:8080/")?;
        self.types("sed -i 's/port = 80;/port = 8080;/; s/good night/good morning/' roles/web.nix")?;
        self.types("nixfleet plan")
    }

    fn drift(&self) -> Result<()> {
        says(
            "Someone edits a file on web-2 by hand. The plan shows it, and the apply overwrites it and keeps a copy.",
        )?;
        self.types("ssh deploy@web-2 'echo \"# quick fix\" | sudo tee -a /etc/web/httpd.conf'")?;
        self.types("nixfleet status --host web-2")?;
        self.types("nixfleet plan --host web-2")?;
        self.types("nixfleet apply --yes --host web-2")
    }

    fn roll_back(&self) -> Result<()> {
        says("The old greeting was better: roll web-1 back to its first generation. Then apply again.")?;
        self.types("nixfleet rollback --host web-1 --to 1 --yes")?;
        self.types("curl -s http://web-1:8080/")?;
        self.types("nixfleet apply --yes --host web-1")
    }

    fn remove_a_role(&self) -> Result<()> {
        says("web-2 loses its role. Its managed files are removed, and the original files are restored.")?;
        self.types("nixfleet run --host web-2 -- head -3 /etc/motd")?;
        self.types("sed -i '/hosts.web-2/,/}/ { /roles/d }' fleet.nix")?;
        self.types("nixfleet apply --yes --host web-2")?;
        self.types("nixfleet run --host web-2 -- head -3 /etc/motd")
    }

    fn lose_a_host(&self) -> Result<()> {
        says("web-2 loses power. The other hosts converge, and the exit code shows that one did not.")?;
        self.lab.guest("web-2")?.power_cut()?;
        self.types("sed -i 's/good morning/good evening/' roles/web.nix")?;
        self.types_expecting("nixfleet apply --yes --connect-timeout 3", 2)?;
        self.lab.guest("web-2")?.power_on()?;
        says("It is back, and catches up.")?;
        self.types("nixfleet apply --yes")
    }

    fn types(&self, line: &str) -> Result<()> {
        self.types_expecting(line, 0)
    }

    fn types_expecting(&self, line: &str, expected: i32) -> Result<()> {
        let mut out = io::stdout();
        writeln!(out, "\n{}ada@operator:~/fleet${} {line}", style("1;32"), style("0"))?;
        out.flush()?;
        let code = self.lab.operator()?.typed_here(line)?.run_here()?;
        if code != 0 {
            writeln!(out, "(exit code {code})")?;
        }
        if code != expected {
            bail!("`{line}` ended with exit code {code}, not {expected}; the hosts stay up for a look");
        }
        Ok(())
    }
}

fn says(text: &str) -> Result<()> {
    let mut out = io::stdout();
    writeln!(out, "\n{}{text}{}", style("1;36"), style("0"))?;
    out.flush()?;
    Ok(())
}

/// Returns the escape sequence for a style, or nothing if output is not a terminal or `NO_COLOR` is set.
fn style(code: &str) -> String {
    use std::io::IsTerminal as _;
    if io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none() {
        format!("\x1b[{code}m")
    } else {
        String::new()
    }
}
