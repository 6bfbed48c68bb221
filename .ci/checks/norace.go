package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// test is a test function in a folder of the module.
type test struct{ folder, name string }

// noRace runs, without the race detector, the tests that check less under it:
// those that mention raceEnabled, since the detector allocates. Each of them
// must pass; one that is skipped has not.
func noRace() (complaints []string, err error) {
	tests, complaints, err := raceAware(".")
	if err != nil || len(complaints) > 0 {
		return complaints, err
	}
	var names, folders []string
	for _, t := range tests {
		names, folders = append(names, t.name), append(folders, "./"+t.folder)
	}
	slices.Sort(names)
	slices.Sort(folders)
	args := []string{"test", "-json", "-count=1", "-timeout=5m", "-run=^(" + strings.Join(slices.Compact(names), "|") + ")$"}
	out, err := exec.Command("go", append(args, slices.Compact(folders)...)...).Output()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		return nil, err
	}
	passed, log := readEvents(out)
	for _, t := range tests {
		if !passed[t] {
			complaints = append(complaints, fmt.Sprintf("%s: %s has not passed without the race detector", t.folder, t.name))
		}
	}
	if len(complaints) > 0 || err != nil {
		os.Stderr.WriteString(log)
		return append(complaints, "go test has failed"), nil
	}
	fmt.Printf("ok: %d tests without the race detector\n", len(tests))
	return nil, nil
}

// raceAware returns the tests below root that mention raceEnabled, whatever its
// case.
func raceAware(root string) (tests []test, complaints []string, err error) {
	err = walk(root, "_test.go", func(path string) error {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		for _, d := range file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || !mentions(f, "raceEnabled") {
				continue
			}
			if !strings.HasPrefix(f.Name.Name, "Test") {
				complaints = append(complaints, fmt.Sprintf("%s: %s mentions raceEnabled and is no test", path, f.Name.Name))
				continue
			}
			tests = append(tests, test{filepath.ToSlash(filepath.Dir(path)), f.Name.Name})
		}
		return nil
	})
	if len(tests) == 0 {
		complaints = append(complaints, "no test mentions raceEnabled")
	}
	return tests, complaints, err
}

// mentions reports whether an identifier in n has the name, whatever its case.
func mentions(n ast.Node, name string) (found bool) {
	ast.Inspect(n, func(n ast.Node) bool {
		id, ok := n.(*ast.Ident)
		found = found || ok && strings.EqualFold(id.Name, name)
		return !found
	})
	return found
}

// readEvents reads what go test -json prints: the tests that have passed, and
// the output of all.
func readEvents(b []byte) (passed map[test]bool, log string) {
	passed = map[test]bool{}
	var all strings.Builder
	for d := json.NewDecoder(bytes.NewReader(b)); ; {
		var e struct{ Action, Package, Test, Output string }
		if d.Decode(&e) != nil {
			return passed, all.String()
		}
		all.WriteString(e.Output)
		if e.Action == "pass" {
			passed[test{strings.TrimPrefix(e.Package, module), e.Test}] = true
		}
	}
}

// walk calls f for the module's own files below root whose names end so. It
// leaves out folders whose names begin with a dot.
func walk(root, suffix string, f func(path string) error) error {
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "node_modules" || d.Name() == "testdata" || strings.HasPrefix(path, ".") && path != root):
			return fs.SkipDir
		case d.Type().IsRegular() && strings.HasSuffix(path, suffix):
			return f(path)
		}
		return nil
	})
}
