//! `index plan`: what it advises, and what it refuses.

use tool::Tool;

mod tool;

#[test]
fn a_plan_is_a_table_around_its_advice() {
    let tool = Tool::new();
    let ran = tool.ok("index plan --population 1000000 --distinct 1000000");
    let out = ran.text();
    assert!(
        out.starts_with(
            "rows    1,000,000, of 1,000,000 distinct values: a lookup finds 1.00\nadvice  17 bits\n"
        ),
        "{out}"
    );
    let rows: Vec<Vec<&str>> = out
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .filter(|cells| cells.first().is_some_and(|first| first.parse::<u8>().is_ok()))
        .collect();
    assert_eq!(
        rows.iter().map(|row| row[0]).collect::<Vec<_>>(),
        ["13", "15", "16", "17", "18", "19", "21", "25"]
    );
    assert_eq!(rows[3], ["17", "7.63", "7.63", "0.0", "%", "<-", "advised"]);
    assert_eq!(rows[0][..2], ["13", "122"]);
    assert!(!out.contains("together with another"), "{out}");
}

#[test]
fn a_plan_says_when_no_length_hides_what_is_equal() {
    let out = Tool::new().ok("index plan --population 1000 --distinct 2").text();
    assert!(out.contains("a lookup finds 500\nadvice  8 bits\n"), "{out}");
    assert!(out.contains("   8           1.95                  < 0.01        99.6 %  <- advised\n"), "{out}");
    assert!(out.contains("Index the\nfield together with another"), "{out}");
    assert!(!out.contains("\n   7 "), "{out}");
}

#[test]
fn a_plan_for_what_cannot_be_is_refused() {
    let tool = Tool::new();
    tool.fails(2, "index plan --population 10 --distinct 11", "give at least 1");
    tool.fails(2, "index plan --population 0 --distinct 0", "give at least 1");
}
