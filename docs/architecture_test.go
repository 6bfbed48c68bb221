package docs_test

import (
	"os"
	"regexp"
	"testing"
)

// inArchitecture are the names of files and folders in architecture.md.
var inArchitecture = regexp.MustCompile("`((?:codec|loop|eio|sio|cmd|bench|profiles|docs|\\.ci)/[\\w./-]*)`")

// TestArchitectureNamesFiles: the files and folders that architecture.md names
// exist.
func TestArchitectureNamesFiles(t *testing.T) {
	named := inArchitecture.FindAllStringSubmatch(read(t, "architecture.md"), -1)
	for _, m := range named {
		if _, err := os.Stat("../" + m[1]); err != nil {
			t.Errorf("architecture.md: %v", err)
		}
	}
	if len(named) < 20 {
		t.Errorf("architecture.md names only %d files", len(named))
	}
}
