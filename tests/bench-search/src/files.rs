//! The corpora as files, which every engine that is measured reads: texts by lines, vectors in the formats `fvecs` and `ivecs`
//! (each vector: its length as a 32-bit integer, then its numbers of 32 bits, little-endian).

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, ErrorKind, Read, Write};
use std::path::Path;

use crate::Outcome;
use crate::texts::{self, TextQuery};
use crate::vectors::Clusters;
use crate::words::Vocabulary;

pub const TEXTS: &str = "texts.tsv";
pub const TEXT_QUERIES: &str = "text-queries.tsv";
pub const VECTORS: &str = "vectors.fvecs";
pub const VECTOR_QUERIES: &str = "vector-queries.fvecs";
const WORDS: &str = "words.txt";
/// Searches of each kind.
const QUERIES: usize = 1_000;

/// Writes the corpora. Files that another run has written are left as they are.
pub fn write(directory: &Path, documents: u64, vectors: u64) -> Outcome<()> {
    std::fs::create_dir_all(directory)?;
    if documents > 0 && !directory.join(TEXTS).exists() {
        let vocabulary = Vocabulary::new();
        create(directory, WORDS, |file| vocabulary.words.iter().try_for_each(|word| Ok(writeln!(file, "{word}")?)))?;
        create(directory, TEXT_QUERIES, |file| {
            let queries = texts::queries(&vocabulary, documents, QUERIES);
            queries.iter().try_for_each(|query| Ok(writeln!(file, "{}\t{}", query.kind, query.text)?))
        })?;
        create(directory, TEXTS, |file| {
            (0..documents).try_for_each(|n| Ok(writeln!(file, "{n}\t{}", texts::text(&vocabulary, n))?))
        })?;
    }
    if vectors > 0 && !directory.join(VECTORS).exists() {
        let clusters = Clusters::new(vectors);
        create(directory, VECTOR_QUERIES, |file| {
            clusters.queries(vectors, QUERIES).iter().try_for_each(|query| write_vector(file, query))
        })?;
        create(directory, VECTORS, |file| (0..vectors).try_for_each(|n| write_vector(file, &clusters.vector(n))))?;
    }
    Ok(())
}

/// Writes a file that is there under its name only when it is whole.
fn create(directory: &Path, name: &str, write: impl FnOnce(&mut BufWriter<File>) -> Outcome<()>) -> Outcome<()> {
    let partial = directory.join(format!("{name}.partial"));
    let mut file = BufWriter::with_capacity(1 << 20, File::create(&partial)?);
    write(&mut file)?;
    file.into_inner()?;
    std::fs::rename(partial, directory.join(name))?;
    Ok(())
}

fn write_vector(file: &mut impl Write, vector: &[f32]) -> Outcome<()> {
    file.write_all(&(vector.len() as u32).to_le_bytes())?;
    vector.iter().try_for_each(|x| file.write_all(&x.to_le_bytes()))?;
    Ok(())
}

/// The texts with their numbers, one after the other.
pub fn texts(directory: &Path) -> Outcome<impl Iterator<Item = Outcome<String>> + use<>> {
    let lines = BufReader::with_capacity(1 << 20, File::open(directory.join(TEXTS))?).lines();
    Ok(lines.map(|line| {
        let line = line?;
        let (_, text) = line.split_once('\t').ok_or("a line without a number")?;
        Ok(text.to_owned())
    }))
}

/// The searches for texts.
pub fn text_queries(directory: &Path) -> Outcome<Vec<TextQuery>> {
    let text = std::fs::read_to_string(directory.join(TEXT_QUERIES))?;
    let query = |line: &str| {
        let (kind, text) = line.split_once('\t').ok_or("a line without a kind")?;
        Ok(TextQuery { kind: kind.to_owned(), text: text.to_owned() })
    };
    text.lines().map(query).collect()
}

/// The vectors of a file, one after the other, as bytes of four.
pub fn rows(path: &Path) -> Outcome<impl Iterator<Item = Outcome<Vec<[u8; 4]>>> + use<>> {
    let mut file = BufReader::with_capacity(1 << 20, File::open(path)?);
    Ok(std::iter::from_fn(move || {
        let mut length = [0; 4];
        match file.read_exact(&mut length) {
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return None,
            Err(error) => return Some(Err(error.into())),
            Ok(()) => {}
        }
        let mut bytes = vec![0; 4 * u32::from_le_bytes(length) as usize];
        if let Err(error) = file.read_exact(&mut bytes) {
            return Some(Err(error.into()));
        }
        Some(Ok(bytes.chunks_exact(4).map(|four| [four[0], four[1], four[2], four[3]]).collect()))
    }))
}

/// The vectors of an `fvecs` file.
pub fn vectors(path: &Path) -> Outcome<impl Iterator<Item = Outcome<Vec<f32>>> + use<>> {
    Ok(rows(path)?.map(|row| Ok(row?.into_iter().map(f32::from_le_bytes).collect())))
}

/// What another engine, or an exact one, gave for each query: numbers of documents, best first. `None` if it was not asked.
pub fn results(directory: &Path, name: &str) -> Outcome<Option<Vec<Vec<u32>>>> {
    let path = directory.join(name);
    if !path.exists() {
        return Ok(None);
    }
    let rows = rows(&path)?.map(|row| Ok(row?.into_iter().map(u32::from_le_bytes).collect()));
    rows.collect::<Outcome<_>>().map(Some)
}
