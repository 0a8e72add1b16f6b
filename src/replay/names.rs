//! What the files of attachments are called.

use std::collections::HashSet;

use crate::switch::AttachmentId;

/// Gives every attachment a name that can stand in the name of a file.
///
/// Whatever is not a letter, a digit, `.`, `_` or `-` (so `/` and `@`) becomes `_`; where that makes two
/// attachments alike, the later one gets `~2`, `~3`, …. Who asks in the same order gets the same names.
#[derive(Debug, Default)]
pub struct FileNames {
    taken: HashSet<String>,
    /// By attachment.
    given: Vec<Option<String>>,
}

impl FileNames {
    /// Returns the file name of an attachment, and gives it one the first time.
    pub fn of(&mut self, id: AttachmentId, attachment: &str) -> &str {
        let index = id.index();
        if self.given.len() <= index {
            self.given.resize(index + 1, None);
        }
        let taken = &mut self.taken;
        self.given[index].get_or_insert_with(|| {
            let keep = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
            let plain: String = attachment
                .chars()
                .map(|c| if keep(c) { c } else { '_' })
                .collect();
            let mut candidate = plain.clone();
            let mut number = 1;
            while !taken.insert(candidate.clone()) {
                number += 1;
                candidate = format!("{plain}~{number}");
            }
            candidate
        })
    }

    /// Returns the attachment that was given a name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<AttachmentId> {
        (0u32..)
            .map(AttachmentId)
            .zip(&self.given)
            .find_map(|(id, given)| (given.as_deref() == Some(name)).then_some(id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alike_names_are_told_apart() {
        let mut names = FileNames::default();
        assert_eq!(names.of(AttachmentId(2), "h1/eth0"), "h1_eth0");
        assert_eq!(names.of(AttachmentId(0), "h1@eth0"), "h1_eth0~2");
        assert_eq!(names.of(AttachmentId(5), "h1_eth0"), "h1_eth0~3");
        assert_eq!(names.of(AttachmentId(0), "renamed since"), "h1_eth0~2");
        assert_eq!(names.find("h1_eth0~3"), Some(AttachmentId(5)));
        assert_eq!(names.find("h1"), None);
    }
}
