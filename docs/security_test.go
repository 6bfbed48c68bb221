package docs_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

var namedTests = regexp.MustCompile("^(?:`(?:Test|Fuzz)\\w+` ?)+$")

// TestPromisesAreTested: each promise of security.md names tests, and they
// exist.
func TestPromisesAreTested(t *testing.T) {
	known := testNames(t, "Test|Fuzz")
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
