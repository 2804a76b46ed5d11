use super::*;

/// Creates a Git checkout `top` and a directory `plain` outside of Git. Each has one flake at its root and
/// another one in its subdirectory `sub`.
fn trees() -> (tempfile::TempDir, PathBuf) {
    let root = tempfile::tempdir().unwrap();
    for directory in ["top/.git", "top/sub/roles", "plain/sub/roles", "top/odd?#dir"] {
        std::fs::create_dir_all(root.path().join(directory)).unwrap();
    }
    for directory in ["top", "top/sub", "plain", "plain/sub", "top/odd?#dir"] {
        std::fs::write(root.path().join(directory).join("flake.nix"), "{}").unwrap();
    }
    let path = root.path().canonicalize().unwrap();
    (root, path)
}

/// Returns the reference passed to Nix if the user types `named` in the directory `from`. In the result, `~`
/// stands for the directory that `trees` created.
fn given(root: &Path, from: &str, named: Option<&str>) -> String {
    let home = root.to_str().unwrap();
    let named = named.map(|named| named.replace('~', home));
    let found = Flake::find(named.as_deref(), &root.join(from));
    found.map_or_else(|problem| problem.to_string(), |flake| flake.reference).replace(home, "~")
}

#[test]
fn the_nearest_flake_upwards_is_found() {
    let (_held, root) = trees();
    assert_eq!(given(&root, "top/sub/roles", None), "~/top/sub");
    assert_eq!(given(&root, "plain/sub/roles", None), "~/plain/sub");
    assert_eq!(Flake::find(None, &root).unwrap_err().code, Code::NoFleet);
}

#[test]
fn every_form_that_nix_takes_is_taken_with_its_parameters() {
    let (_held, root) = trees();
    for (typed, reference) in [
        (".", "~/top"),
        (".#", "~/top"),
        ("", "~/top"),
        ("./sub", "~/top/sub"),
        ("sub", "~/top/sub"),
        ("sub/", "~/top/sub"),
        ("sub/roles", "~/top/sub"),
        ("./sub/flake.nix", "~/top/sub"),
        ("../plain/sub", "~/plain/sub"),
        ("~/top", "~/top"),
        (".?submodules=1", "~/top?submodules=1"),
        (".?submodules=1#", "~/top?submodules=1"),
        ("sub?submodules=1&shallow=1", "~/top/sub?submodules=1&shallow=1"),
        ("~/top?dir=sub&submodules=1", "~/top/sub?submodules=1"),
        ("..?dir=top/sub", "~/top/sub"),
        ("../plain?dir=sub", "path:~/plain?dir=sub"),
        ("path:.", "path:~/top"),
        ("path:./sub", "path:~/top/sub"),
        ("path:sub?lastModified=1", "path:~/top/sub?lastModified=1"),
        ("path:~/plain?dir=sub", "path:~/plain?dir=sub"),
        ("path://~/plain", "path:~/plain"),
        ("git+file:.?submodules=1", "git+file://~/top?submodules=1"),
        ("git+file:.?dir=sub", "git+file://~/top?dir=sub"),
        ("git+file://~/top?ref=main", "git+file://~/top?ref=main"),
        ("git+file://host/top", "git+file://host/top"),
        ("git+ssh://git@host/fleet?ref=main", "git+ssh://git@host/fleet?ref=main"),
        ("github:a/b/main?dir=x", "github:a/b/main?dir=x"),
        ("fleets/main", "fleets/main"),
    ] {
        assert_eq!(given(&root, "top", Some(typed)), reference, "{typed}");
    }
    assert_eq!(given(&root, "top/odd?#dir", None), "git+file://~/top?dir=odd%3F%23dir");
}

#[test]
fn what_nix_copies_and_how_files_in_it_are_named() {
    let (_held, root) = trees();
    let tree = |named: &str| Flake::find(Some(named), &root.join("top")).unwrap().tree;
    let in_git = Tree::new(&root.join("top"), &root.join("top/sub"), true);
    assert_eq!(tree("./sub"), Some(in_git.clone()));
    assert_eq!(tree(".?dir=sub"), Some(in_git.clone()));
    assert_eq!(tree("git+file:.?dir=sub"), Some(in_git.clone()));
    assert_eq!(tree("path:./sub"), Some(Tree::new(&root.join("top/sub"), &root.join("top/sub"), false)));
    assert_eq!(tree("path:.?dir=sub"), Some(Tree { git: false, ..in_git.clone() }));
    for elsewhere in [".?ref=main", "git+file:.?rev=0123", "github:a/b"] {
        assert_eq!(tree(elsewhere), None, "{elsewhere}");
    }
    assert_eq!(in_git.shown("sub/roles/web.nix"), "roles/web.nix");
    assert_eq!(in_git.shown("common/web.nix"), "../common/web.nix");
}

#[test]
fn what_is_no_flake_is_refused() {
    let (_held, root) = trees();
    let refused = |named: &str| Flake::find(Some(named), &root.join("top")).unwrap_err();
    for missing in
        ["./hosts", "/nowhere?submodules=1", "path:./hosts", "git+file:./hosts", ".?dir=hosts", ".."]
    {
        assert_eq!(refused(missing).code, Code::NoFleet, "{missing}");
    }
    assert_eq!(refused(".?submodules=1#web").code, Code::Usage);
    assert!(refused("~/fleet").help.unwrap().contains("$HOME"));
}

#[test]
fn submodules_are_asked_for_once() {
    let (_held, root) = trees();
    let with = |named: &str| Flake::find(Some(named), &root.join("top")).unwrap().with_submodules();
    let top = root.join("top");
    assert_eq!(with("."), Some(format!("{}?submodules=1", top.display())));
    assert_eq!(with("sub?shallow=1"), Some(format!("{}/sub?shallow=1&submodules=1", top.display())));
    assert_eq!(with("git+file:.?submodules=1"), None);
}

#[test]
fn a_file_of_a_submodule_is_told_by_gitmodules() {
    let (_held, root) = trees();
    let tree = Flake::find(Some("."), &root.join("top")).unwrap().tree.unwrap();
    assert_eq!(tree.submodule_of("pages/a"), None);
    let modules = "[submodule \"pages\"]\n\tpath = shared/pages\n\turl = ../pages\n";
    std::fs::write(root.join("top/.gitmodules"), modules).unwrap();
    assert_eq!(tree.submodule_of("shared/pages/a").as_deref(), Some("shared/pages"));
    assert_eq!(tree.submodule_of("shared/page"), None);
}

#[test]
fn nobody_is_told_what_is_secret_in_a_reference() {
    let named = "git+https://hunter2@host/fleet";
    let flake = Flake::find(Some(named), Path::new("/")).unwrap();
    assert_eq!((flake.reference.as_str(), flake.shown().as_str()), (named, "git+https://…@host/fleet"));
    let refused = Flake::find(Some(&format!("{named}#web")), Path::new("/")).unwrap_err();
    assert!(!refused.to_string().contains("hunter2"), "{refused}");
}

#[test]
fn a_reference_that_nix_would_take_for_an_option_is_refused() {
    let (_held, root) = trees();
    for bad in ["-", "--impure", "-f"] {
        assert_eq!(Flake::find(Some(bad), &root).unwrap_err().code, Code::Usage, "{bad}");
    }
}

#[test]
fn a_file_without_a_flake_is_named_by_its_path_or_its_directory() {
    let (_held, root) = trees();
    std::fs::write(root.join("plain/default.nix"), "{}").unwrap();
    std::fs::write(root.join("plain/prod.nix"), "{}").unwrap();
    let found = |named: &str| Flake::file(Path::new(named), &root.join("plain/sub"));
    for (named, file) in [("..", "plain/default.nix"), ("../prod.nix", "plain/prod.nix")] {
        let flake = found(named).unwrap();
        assert_eq!((Path::new(&flake.reference), flake.is_file), (&*root.join(file), true));
        assert_eq!(flake.tree.unwrap().directory, root.join("plain"));
    }
    for absent in [".", "../other.nix"] {
        assert_eq!(found(absent).unwrap_err().code, Code::NoFleet);
    }
}
