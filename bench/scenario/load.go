//go:build linux

package scenario

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

// LoadDir reads every *.toml file of a folder, sorted by name. A folder without
// any is an error.
func LoadDir(dir string) ([]*Profile, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.toml"))
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("no profile (*.toml) in %s", dir)
	}
	slices.Sort(files)
	var all []*Profile
	var errs []error
	for _, file := range files {
		p, err := Load(file)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		all = append(all, p)
	}
	return all, errors.Join(errs...)
}

// Load reads one profile.
func Load(file string) (*Profile, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	p, err := Parse(strings.TrimSuffix(filepath.Base(file), ".toml"), b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return p, nil
}

// Parse reads one profile from the bytes of its file and fills in the defaults.
func Parse(name string, b []byte) (*Profile, error) {
	p := &Profile{Name: name}
	decoder := toml.NewDecoder(bytes.NewReader(b))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(p); err != nil {
		var strict *toml.StrictMissingError
		if errors.As(err, &strict) {
			return nil, unknownSetting(strict)
		}
		var at *toml.DecodeError
		if errors.As(err, &at) {
			line, _ := at.Position()
			return nil, fmt.Errorf("line %d: %s: %w", line, strings.Join(at.Key(), "."), err)
		}
		return nil, err
	}
	var given map[string]any
	if err := toml.Unmarshal(b, &given); err != nil {
		return nil, err
	}
	if err := p.validate(given, lines(b)); err != nil {
		return nil, err
	}
	return p, nil
}

// lines finds the line of each setting of a file, in which all are at the top.
func lines(b []byte) map[string]int {
	found := map[string]int{}
	number := 0
	for line := range strings.Lines(string(b)) {
		number++
		if name, _, ok := strings.Cut(line, "="); ok {
			found[strings.TrimSpace(name)] = number
		}
	}
	return found
}

func unknownSetting(err *toml.StrictMissingError) error {
	var errs []error
	for _, e := range err.Errors {
		line, _ := e.Position()
		errs = append(errs, fmt.Errorf("line %d: there is no setting %q", line, strings.Join(e.Key(), ".")))
	}
	return errors.Join(errs...)
}
