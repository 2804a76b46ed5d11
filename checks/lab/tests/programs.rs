//! Tests the released programs: each is one small file that runs on any host.

use nixfleet_lab::binaries::Binaries;
use nixfleet_lab::command::Program;

/// A program with the parts of the C library that the activator uses: threads, the heap, and a resolver.
const C: &str = "#include <netdb.h>\n#include <pthread.h>\n#include <stdlib.h>\n\
    static void *thread(void *argument) { return malloc(argument != 0); }\n\
    int main(int count, char **words) {\n\
    struct addrinfo *found; pthread_t made;\n\
    pthread_create(&made, 0, thread, words); pthread_join(made, 0);\n\
    return getaddrinfo(words[1], 0, 0, &found) || !realpath(words[1], 0); }\n";
/// The size of this program with musl 1.2.3, the C library of the published activator.
const WITH_MUSL: u64 = 46_232;

/// Returns the size of the program [`C`] with the C library that the activator has here.
fn of_c_library() -> u64 {
    let directory = tempfile::tempdir().unwrap();
    let [source, program] = ["c.c", "c"].map(|name| directory.path().join(name));
    std::fs::write(&source, C).unwrap();
    let compile = Program::new("cc").args(["-static", "-Os", "-w", "-s", "-o"]);
    compile.arg(&program).arg(&source).run().unwrap().success().unwrap();
    program.metadata().unwrap().len()
}

#[test]
fn the_activator_runs_where_nothing_else_is_installed_and_is_under_4_mb() {
    let activator = Binaries::build().unwrap().activate();
    let bytes = std::fs::read(&activator).unwrap();
    let fault = b"NIXFLEET_FAULT";
    assert!(!bytes.windows(fault.len()).any(|window| window == fault), "nobody can make a shipped one fail");
    // The GNU C library is larger than musl. The published program has the rest of this one, and musl.
    let published = activator.metadata().unwrap().len() - of_c_library() + WITH_MUSL;
    assert!(published < 4_000_000, "{} has grown to {published} bytes with musl", activator.display());
    let empty = tempfile::tempdir().unwrap();
    std::fs::copy(&activator, empty.path().join("nixfleet-activate")).unwrap();

    let root = empty.path().to_str().unwrap();
    let asked = Program::new("chroot").args([root, "/nixfleet-activate", "--version"]).run().unwrap();

    assert!(asked.success().unwrap().stdout.starts_with("nixfleet-activate "));
}
