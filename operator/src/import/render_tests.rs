use super::*;
use crate::import::page::WIDTH;

#[test]
fn a_page_says_what_was_not_imported_where_it_belongs() {
    let text = include_str!("../../tests/import/fleet.ini");
    let draft = crate::import::ansible::parse_ini(text, "inventory.ini").unwrap();
    expect_test::expect_file!["../../tests/import/ansible.nix"].assert_eq(&render(&draft));
}

#[test]
fn nothing_can_leave_a_string_or_a_comment() {
    assert_eq!(string("a\"${b}\\"), r#""a\"\${b}\\""#);
    assert_eq!(attribute("web-1"), "web-1");
    assert_eq!(attribute("1"), "\"1\"");
    assert_eq!(attribute("in"), "\"in\"");
    let text = "a=1\nweb-1 ansible_host='x\u{85}y' note='a\u{2028}builtins.abort \"x\"'";
    let text = text.replacen("a=1\n", "", 1);
    let draft = crate::import::ansible::parse_ini(&text, "in\nventory").unwrap();
    let page = render(&draft);
    assert!(
        page.lines().all(|line| !line.contains("builtins") || line.trim_start().starts_with('#')),
        "{page}"
    );
    assert!(page.starts_with("# The hosts of in␊ventory, as"), "{page}");
}

#[test]
fn long_comments_are_folded() {
    let mut page = Page { tool: "ansible", text: String::new() };
    page.told("  ", &"word ".repeat(40));
    assert!(page.text.lines().all(|line| line.len() <= WIDTH && line.starts_with("  # ")), "{}", page.text);
    assert_eq!(page.text.matches("word").count(), 40);
}
