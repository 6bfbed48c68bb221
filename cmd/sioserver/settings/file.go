package settings

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

// maxFile is the size in bytes of the largest configuration file.
const maxFile = 1 << 20

// load reads a file over the defaults.
func load(file string) (Settings, error) {
	f, err := os.Open(file)
	if err != nil {
		return Settings{}, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return Settings{}, err
	}
	if len(b) > maxFile {
		return Settings{}, fmt.Errorf("%s: the file is larger than %d bytes", file, maxFile)
	}
	s := Defaults()
	if err := s.decode(b); err != nil {
		return s, fmt.Errorf("%s: %w", file, err)
	}
	return s, nil
}

// decode fills s from the bytes of a file. Its errors name lines.
func (s *Settings) decode(b []byte) error {
	decoder := toml.NewDecoder(bytes.NewReader(b))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(s)
	var unknown *toml.StrictMissingError
	if errors.As(err, &unknown) {
		return unknownKeys(unknown)
	}
	var wrong *toml.DecodeError
	if errors.As(err, &wrong) {
		line, _ := wrong.Position()
		key := strings.Join(wrong.Key(), ".")
		if key != "" {
			key += ": "
		}
		return fmt.Errorf("line %d: %s%s", line, key, strings.TrimPrefix(wrong.Error(), "toml: "))
	}
	if err != nil {
		return fmt.Errorf("line %d: %w", lineOf(b, err), err)
	}
	return nil
}

// lineOf returns the first line up to which the file gives an error without a
// position, as a number does where text is wanted.
func lineOf(b []byte, err error) (line int) {
	end := 0
	for text := range bytes.Lines(b) {
		end += len(text)
		line++
		var s Settings
		if e := toml.Unmarshal(b[:end], &s); e != nil && e.Error() == err.Error() {
			break
		}
	}
	return line
}

// unknownKeys names all keys that are no settings, in one line.
func unknownKeys(err *toml.StrictMissingError) error {
	var list []string
	for _, e := range err.Errors {
		line, _ := e.Position()
		list = append(list, fmt.Sprintf("line %d: there is no setting %q", line, strings.Join(e.Key(), ".")))
	}
	return errors.New(strings.Join(list, "; "))
}

// TOML returns the settings as a file that has all of them, without the
// password of Redis.
func (s Settings) TOML() ([]byte, error) {
	s.Redis = redacted(s.Redis)
	return toml.Marshal(s)
}
