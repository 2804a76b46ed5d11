//! Mutates seeds at random. The same start value always gives the same inputs.

use std::ops::Range;

use crate::corpus::Corpus;
use crate::random::Random;
use crate::spans::{spans, with_comma};

/// The maximum length of an input in bytes. `make fuzz` gives libFuzzer the same limit.
const LONGEST: usize = 16384;

/// Numbers at the limits of the integer types that documents use, and numbers that fit no integer type.
const NUMBERS: [&str; 20] = [
    "0",
    "-0",
    "-1",
    "1",
    "0.5",
    "127",
    "128",
    "255",
    "256",
    "65535",
    "65536",
    "2147483647",
    "2147483648",
    "4294967295",
    "4294967296",
    "9223372036854775807",
    "-9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "1e999",
];

#[derive(Clone, Copy)]
enum Mutation {
    /// Flips a bit.
    Flip,
    /// Deletes a part.
    Delete,
    /// Inserts a copy of a part after the part.
    Duplicate,
    /// Replaces a part with a part of a random seed.
    Splice,
    /// Inserts a word of the dictionary, or replaces a part with such a word.
    Word,
    /// Replaces a part with one of `NUMBERS`. If the input contains numbers, the replaced part is a number of
    /// the input.
    Number,
}

use Mutation::{Delete, Duplicate, Flip, Number, Splice, Word};

const MUTATIONS: [Mutation; 6] = [Flip, Delete, Duplicate, Splice, Word, Number];

/// An endless source of mutated seeds.
pub struct Mutator<'a> {
    corpus: &'a Corpus,
    random: Random,
}

impl<'a> Mutator<'a> {
    pub const fn new(corpus: &'a Corpus, start: u64) -> Self {
        Self { corpus, random: Random(start) }
    }

    /// Returns a seed after one to four mutations.
    pub fn input(&mut self) -> Vec<u8> {
        let mut input = self.random.one(&self.corpus.seeds).clone();
        for _ in 0..=self.random.below(4) {
            let mutation = *self.random.one(&MUTATIONS);
            self.mutate(&mut input, mutation);
        }
        input.truncate(LONGEST);
        input
    }

    fn mutate(&mut self, input: &mut Vec<u8>, mutation: Mutation) {
        match mutation {
            Flip => {
                let at = self.random.below(input.len());
                if let Some(byte) = input.get_mut(at) {
                    *byte ^= 1 << self.random.below(8);
                }
            }
            Delete => {
                let part = self.part(input);
                drop(input.drain(with_comma(input, part)));
            }
            Duplicate => {
                let part = self.part(input);
                let mut copy = input[part.clone()].to_vec();
                if self.random.below(2) == 0 {
                    copy.insert(0, b',');
                }
                drop(input.splice(part.end..part.end, copy));
            }
            Splice => {
                let seed = self.random.one(&self.corpus.seeds);
                let (part, other) = (self.part(input), self.part(seed));
                drop(input.splice(part, seed[other].iter().copied()));
            }
            Word => {
                let part = self.part(input);
                let part = if self.random.below(2) == 0 { part } else { self.place(&part) };
                let word = self.random.one(&self.corpus.words);
                drop(input.splice(part, word.iter().copied()));
            }
            Number => {
                let is_number = |part: &Range<usize>| {
                    input[part.clone()].iter().all(|byte| byte.is_ascii_digit() || *byte == b'-')
                };
                let numbers: Vec<_> = spans(input).into_iter().filter(is_number).collect();
                let part =
                    if numbers.is_empty() { self.part(input) } else { self.random.one(&numbers).clone() };
                let number = self.random.one(&NUMBERS);
                drop(input.splice(part, number.bytes()));
            }
        }
    }

    /// Returns the range of a random part. Three times out of four, the part is a JSON value or the member of
    /// a JSON object. Otherwise it is up to 16 bytes at a random position.
    fn part(&mut self, bytes: &[u8]) -> Range<usize> {
        let spans = spans(bytes);
        if spans.is_empty() || self.random.below(4) == 0 {
            let start = self.random.below(bytes.len());
            return start..bytes.len().min(start + self.random.below(17));
        }
        self.random.one(&spans).clone()
    }

    /// Returns the empty range at a random position in a part, where a word can be inserted.
    fn place(&mut self, part: &Range<usize>) -> Range<usize> {
        let at = part.start + self.random.below(part.len() + 1);
        at..at
    }
}

#[test]
fn the_same_number_gives_the_same_inputs_and_another_gives_others() {
    let corpus = Corpus { seeds: vec![br#"{"a":[1,"b"]}"#.to_vec()], words: vec![b"null".to_vec()] };
    let inputs = |start| {
        let mut mutator = Mutator::new(&corpus, start);
        (0..100).map(|_| mutator.input()).collect::<Vec<_>>()
    };
    assert_eq!(inputs(1), inputs(1));
    assert_ne!(inputs(1), inputs(2));
}

#[test]
fn every_mutation_changes_something_and_bears_an_empty_input() {
    let corpus = Corpus { seeds: vec![br#"{"a":[7,"b"]}"#.to_vec()], words: vec![b"null".to_vec()] };
    for mutation in MUTATIONS {
        let changes = (0..20).any(|start| {
            let mut input = corpus.seeds[0].clone();
            Mutator::new(&corpus, start).mutate(&mut input, mutation);
            input != corpus.seeds[0]
        });
        assert!(changes);
        Mutator::new(&corpus, 0).mutate(&mut Vec::new(), mutation);
    }
}
