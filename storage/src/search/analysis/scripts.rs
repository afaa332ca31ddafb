//! Which letters belong to scripts that do not put spaces between words.

/// A script whose words do not stand apart in a text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Unspaced {
    /// Chinese characters, also those of Japanese and Korean.
    Han,
    /// Hiragana and Katakana.
    Kana,
    /// Korean. It has spaces, but particles and compounds are written together.
    Hangul,
    /// Thai, Lao, Khmer and Myanmar: letters with marks above, below and after them.
    SoutheastAsian,
}

/// [`char::is_alphanumeric`], faster for letters that are common.
pub(super) fn is_alphanumeric(letter: char) -> bool {
    matches!(letter,
        '\u{c0}'..='\u{d6}' | '\u{d8}'..='\u{f6}' | '\u{f8}'..='\u{24f}' | '\u{3ac}'..='\u{3ce}'
        | '\u{400}'..='\u{481}' | '\u{48a}'..='\u{52f}' | '\u{5d0}'..='\u{5ea}' | '\u{620}'..='\u{64a}'
        | '\u{e01}'..='\u{e30}' | '\u{3041}'..='\u{3096}' | '\u{30a1}'..='\u{30fa}' | '\u{4e00}'..='\u{9fff}'
        | '\u{ac00}'..='\u{d7a3}')
        || letter.is_alphanumeric()
}

/// Adds [`char::to_lowercase`], faster for letters that are common.
pub(super) fn push_lower(letter: char, out: &mut String) {
    match letter {
        ..'\u{80}' => out.push(letter.to_ascii_lowercase()),
        '\u{df}'..='\u{ff}' | '\u{3ac}'..='\u{3ce}' | '\u{430}'..='\u{45f}' | '\u{5d0}'..='\u{97f}' => out.push(letter),
        // The first letters of the Cyrillic alphabet are 32 before their small ones.
        '\u{410}'..='\u{42f}' => out.extend(char::from_u32(letter as u32 + 32)),
        _ => out.extend(letter.to_lowercase()),
    }
}

/// The script of a letter, or of a mark on one; `None` for every other script, and for digits.
pub(super) fn unspaced(letter: char) -> Option<Unspaced> {
    Some(match letter {
        ..'\u{e01}' => return None,
        '\u{e01}'..='\u{e3a}' | '\u{e40}'..='\u{e4e}' => Unspaced::SoutheastAsian,
        '\u{e81}'..='\u{ecf}' | '\u{edc}'..='\u{edf}' => Unspaced::SoutheastAsian,
        '\u{1000}'..='\u{103f}' | '\u{1050}'..='\u{108f}' | '\u{109a}'..='\u{109d}' => Unspaced::SoutheastAsian,
        '\u{1100}'..='\u{11ff}' => Unspaced::Hangul,
        '\u{1780}'..='\u{17d3}' | '\u{17d7}' | '\u{17dc}' | '\u{17dd}' => Unspaced::SoutheastAsian,
        '\u{3005}'..='\u{3007}' | '\u{3021}'..='\u{3029}' | '\u{3038}'..='\u{303b}' => Unspaced::Han,
        '\u{3041}'..='\u{309a}' | '\u{309d}'..='\u{309f}' => Unspaced::Kana,
        '\u{30a1}'..='\u{30fa}' | '\u{30fc}'..='\u{30ff}' | '\u{31f0}'..='\u{31ff}' => Unspaced::Kana,
        '\u{3131}'..='\u{318e}' => Unspaced::Hangul,
        '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' => Unspaced::Han,
        '\u{a960}'..='\u{a97c}' => Unspaced::Hangul,
        '\u{a9e0}'..='\u{a9ef}' | '\u{a9fa}'..='\u{a9fe}' | '\u{aa60}'..='\u{aa76}' | '\u{aa7a}'..='\u{aa7f}' => {
            Unspaced::SoutheastAsian
        }
        '\u{ac00}'..='\u{d7fb}' => Unspaced::Hangul,
        '\u{f900}'..='\u{faff}' => Unspaced::Han,
        '\u{ff66}'..='\u{ff9f}' => Unspaced::Kana,
        '\u{ffa0}'..='\u{ffdc}' => Unspaced::Hangul,
        '\u{1aff0}'..='\u{1afff}' | '\u{1b000}'..='\u{1b167}' => Unspaced::Kana,
        '\u{20000}'..='\u{3ffff}' => Unspaced::Han,
        _ => return None,
    })
}

/// Whether a character of an unspaced script is written on the one before it, so that the two are one letter.
pub(super) fn extends(letter: char) -> bool {
    matches!(letter,
        // Thai and Lao: vowels above and below, tones.
        '\u{e31}' | '\u{e34}'..='\u{e3a}' | '\u{e47}'..='\u{e4e}'
        | '\u{eb1}' | '\u{eb4}'..='\u{ebc}' | '\u{ec8}'..='\u{ecf}'
        // Myanmar and Khmer.
        | '\u{102b}'..='\u{103e}' | '\u{1056}'..='\u{1059}' | '\u{105e}'..='\u{1060}' | '\u{1062}'..='\u{1064}'
        | '\u{1067}'..='\u{106d}' | '\u{1071}'..='\u{1074}' | '\u{1082}'..='\u{108d}' | '\u{108f}'
        | '\u{109a}'..='\u{109d}' | '\u{a9e5}' | '\u{aa7b}'..='\u{aa7d}'
        | '\u{17b4}'..='\u{17d3}' | '\u{17dd}'
        // Vowels and finals of Hangul that is written in parts.
        | '\u{1160}'..='\u{11ff}' | '\u{d7b0}'..='\u{d7fb}'
        // Sound marks of kana.
        | '\u{3099}' | '\u{309a}' | '\u{ff9e}' | '\u{ff9f}')
}

/// Whether a character that is no letter still belongs to the word that it is in: accents on their own, what joins or
/// alters consonants in the scripts of India, joiners of Persian.
pub(super) fn joins(character: char) -> bool {
    matches!(
        character,
        '\u{300}'
            ..='\u{36f}'
                | '\u{200c}'
                | '\u{200d}'
                | '\u{93c}'
                | '\u{94d}'
                | '\u{9bc}'
                | '\u{9cd}'
                | '\u{a3c}'
                | '\u{a4d}'
                | '\u{abc}'
                | '\u{acd}'
                | '\u{b3c}'
                | '\u{b4d}'
                | '\u{bcd}'
                | '\u{c4d}'
                | '\u{cbc}'
                | '\u{ccd}'
                | '\u{d4d}'
                | '\u{dca}'
    )
}

/// Whether a text may have another form with the same meaning in Unicode's composed normal form.
pub(super) fn may_compose(text: &str) -> bool {
    let part = |c| matches!(c, '\u{300}'..='\u{36f}' | '\u{93c}' | '\u{1100}'..='\u{11ff}' | '\u{3099}' | '\u{309a}');
    !text.is_ascii() && text.chars().any(part)
}
