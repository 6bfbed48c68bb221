package docs_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	testFunc   = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)
	namedTests = regexp.MustCompile("^(?:`(?:Test|Fuzz)\\w+` ?)+$")
)

// TestPromisesAreTested: each promise of security.md names tests, and they
// exist.
func TestPromisesAreTested(t *testing.T) {
	known := make(map[string]bool)
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.Name() == "node_modules":
			return filepath.SkipDir
		case !strings.HasSuffix(path, "_test.go"):
			return nil
		}
		b, err := os.ReadFile(path)
		for _, m := range testFunc.FindAllSubmatch(b, -1) {
			known[string(m[1])] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	promises, inTable := 0, false
	for line := range strings.Lines(read(t, "security.md")) {
		cells := strings.Split(strings.Trim(line, "|\n "), " | ")
		switch {
		case !strings.HasPrefix(line, "|"):
			inTable = false
		case strings.HasPrefix(cells[0], "promise"):
			inTable = true
		case inTable && !strings.HasPrefix(cells[0], "---"):
			promises++
			if len(cells) != 3 || !namedTests.MatchString(cells[2]) {
				t.Errorf("no tests are named: %s", line)
				continue
			}
			for name := range strings.FieldsSeq(cells[2]) {
				if !known[strings.Trim(name, "`")] {
					t.Errorf("there is no %s: %s", name, line)
				}
			}
		}
	}
	if promises < 30 {
		t.Errorf("only %d promises are found", promises)
	}
	if !slices.Contains(documents(t), "security.md") {
		t.Error("the other tests of this package do not see security.md")
	}
}
