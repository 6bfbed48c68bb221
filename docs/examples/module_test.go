package examples

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestModuleIsTidy: go.mod and go.sum are what the examples need, also after a
// change of the server's own dependencies. `go mod tidy` in this folder mends
// them.
func TestModuleIsTidy(t *testing.T) {
	diff, err := exec.Command("go", "mod", "tidy", "-diff").Output()
	switch {
	case len(diff) > 0:
		t.Errorf("run go mod tidy in docs/examples:\n%s", diff)
	case err == nil:
	case os.Getenv("CI") == "true":
		t.Fatal(err)
	default:
		t.Skipf("go mod tidy: %v", err) // it may need a module that is not here yet
	}
}

// TestEveryExampleIsListed: README.md has a line about each folder.
func TestEveryExampleIsListed(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	folders, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, f := range folders {
		if !f.IsDir() || f.Name() == "internal" || f.Name() == "wrapping" {
			continue
		}
		found++
		if !strings.Contains(string(readme), "| ["+f.Name()+"]("+f.Name()+"/") {
			t.Errorf("README.md does not list %s", f.Name())
		}
	}
	if found < 9 {
		t.Errorf("only %d examples are found", found)
	}
}
