use std::{
    fs::{self, File},
    io::{self, Read},
    path::Path,
};

/// The text of a regular file of at most `max` bytes, which may grow while it is read.
///
/// # Errors
/// By kind: `InvalidInput` for what is no regular file, such as a pipe or a device, which could wait or go on for ever;
/// `FileTooLarge`; `InvalidData` for what is no UTF-8; and those of the system.
pub fn read_text(path: &Path, max: usize) -> io::Result<String> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file"));
    }
    let mut text = String::new();
    File::open(path)?.take(max as u64 + 1).read_to_string(&mut text)?;
    if text.len() > max {
        let message = format!("it is larger than {max} bytes");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_file_one_that_is_no_text_and_what_is_no_file_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        fs::write(&path, "12345").unwrap();
        assert_eq!(read_text(&path, 5).unwrap(), "12345");
        assert_eq!(read_text(&path, 4).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
        fs::write(&path, [0xff, 0xfe]).unwrap();
        assert_eq!(read_text(&path, 5).unwrap_err().kind(), io::ErrorKind::InvalidData);
        assert_eq!(read_text(folder.path(), 5).unwrap_err().kind(), io::ErrorKind::InvalidInput);
        #[cfg(unix)]
        assert_eq!(read_text(Path::new("/dev/zero"), 5).unwrap_err().kind(), io::ErrorKind::InvalidInput);
    }
}
