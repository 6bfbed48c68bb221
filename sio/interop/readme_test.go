package interop

import (
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// programs returns the README's blocks of Go.
func programs(t *testing.T) []string {
	t.Helper()
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	var blocks []string
	for _, m := range regexp.MustCompile("(?ms)^```go\n(.*?)^```$").FindAllSubmatch(readme, -1) {
		blocks = append(blocks, string(m[1]))
	}
	if len(blocks) == 0 {
		t.Fatal("the README has no Go")
	}
	return blocks
}

// TestReadmeBuilds builds each block of Go in the README, copied into a file.
func TestReadmeBuilds(t *testing.T) {
	for i, source := range programs(t) {
		formatted, err := format.Source([]byte(source))
		if err != nil || string(formatted) != source {
			t.Errorf("block %d is not formatted: %v", i+1, err)
		}
		folder := t.TempDir()
		file := filepath.Join(folder, "main.go")
		if err := os.WriteFile(file, []byte(source), 0o600); err != nil {
			t.Fatal(err)
		}
		build := exec.Command("go", "build", "-o", filepath.Join(folder, "program"), file)
		build.Dir = "../.."
		if out, err := build.CombinedOutput(); err != nil {
			t.Errorf("block %d: %v\n%s", i+1, err, out)
		}
	}
}

// TestReadmeIsTheExample wants the README's server to be that of Example in
// package sio, which runs it with clients.
func TestReadmeIsTheExample(t *testing.T) {
	example, err := os.ReadFile("../example_test.go")
	if err != nil {
		t.Fatal(err)
	}
	want := setup(t, string(example), "Example")
	if got := setup(t, programs(t)[0], "main"); !slices.Equal(got, want) {
		t.Errorf("the README has\n%s\nthe example\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// setup gives the statements of a function that prepare the server, as text.
func setup(t *testing.T, source, function string) []string {
	t.Helper()
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, "", source, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	prepares := regexp.MustCompile(`^(srv\.(Use|On)|sio\.On)|sio\.New`)
	var statements []string
	for _, d := range file.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok || f.Name.Name != function {
			continue
		}
		for _, s := range f.Body.List {
			var text strings.Builder
			if err := format.Node(&text, files, s); err != nil {
				t.Fatal(err)
			}
			if prepares.MatchString(text.String()) {
				statements = append(statements, text.String())
			}
		}
	}
	if len(statements) < 4 {
		t.Fatalf("%s prepares no server: %q", function, statements)
	}
	return statements
}
