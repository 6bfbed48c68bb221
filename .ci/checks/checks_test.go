package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestImportRules breaks each rule once.
func TestImportRules(t *testing.T) {
	r := importRules{
		layers:    map[string][]string{"low": {}, "low/part": {}, "high": {"low"}, "top": {"high"}},
		tops:      []string{"top"},
		importers: map[string][]string{"dep.org/a": {"low"}},
		testers:   map[string][]string{"dep.org/t": {"high/y"}},
		standard:  map[string][]string{"math/rand": {"low"}},
		without:   map[string][]string{"low/part": {"dep.org/a"}},
	}
	whole := func() map[string]*goPackage {
		return map[string]*goPackage{
			"low":      {Imports: []string{"dep.org/a/sub", "fmt", "math/rand/v2"}},
			"low/part": {},
			"high":     {Imports: []string{module + "low"}},
			"top/x":    {Imports: []string{module + "high/y"}},
			"high/y":   {TestImports: []string{module + "low/part", "math/rand/v2", "dep.org/t"}},
		}
	}
	for name, tc := range map[string]struct {
		breaks func(p map[string]*goPackage)
		want   string
	}{
		"nothing":                {func(map[string]*goPackage) {}, ""},
		"an arrow up":            {func(p map[string]*goPackage) { p["low"].Imports = append(p["low"].Imports, module+"high") }, "low imports high: low may import []"},
		"a layer below":          {func(p map[string]*goPackage) { p["high"].Imports = append(p["high"].Imports, module+"low/part") }, "high imports low/part: high may import [low]"},
		"no layer":               {func(p map[string]*goPackage) { p["new"] = &goPackage{} }, "new is in no layer"},
		"an empty layer":         {func(p map[string]*goPackage) { delete(p, "low/part") }, "no package is in the layer low/part"},
		"an unused arrow":        {func(p map[string]*goPackage) { p["high"].Imports = nil }, "high must import low, or the rules must not list it"},
		"a top":                  {func(p map[string]*goPackage) { p["low"].XTestImports = []string{module + "top/x"} }, "low imports top/x: nothing imports top"},
		"a second importer":      {func(p map[string]*goPackage) { p["high"].TestImports = []string{"dep.org/a"} }, "high imports dep.org/a: only [low] may"},
		"no importer":            {func(p map[string]*goPackage) { p["low"].Imports = nil }, "low must import dep.org/a"},
		"only a test imports":    {func(p map[string]*goPackage) { p["low"].Imports, p["low"].TestImports = nil, []string{"dep.org/a"} }, "low must import dep.org/a"},
		"code imports a test's":  {func(p map[string]*goPackage) { p["high/y"].Imports = []string{"dep.org/t"} }, "high/y imports dep.org/t: only tests of [high/y] may"},
		"another test's":         {func(p map[string]*goPackage) { p["low"].TestImports = []string{"dep.org/t"} }, "low imports dep.org/t: only tests of [high/y] may"},
		"a test's is not used":   {func(p map[string]*goPackage) { p["high/y"].TestImports = nil }, "high/y must import dep.org/t"},
		"a standard package":     {func(p map[string]*goPackage) { p["high"].Imports = append(p["high"].Imports, "math/rand/v2") }, "high imports math/rand/v2: only the code of [low] may"},
		"an indirect dependency": {func(p map[string]*goPackage) { p["low/part"].Deps = []string{"dep.org/a"} }, "low/part depends on dep.org/a"},
	} {
		t.Run(name, func(t *testing.T) {
			packages := whole()
			tc.breaks(packages)
			var list []goPackage
			for path, p := range packages {
				p.ImportPath = module + path
				list = append(list, *p)
			}
			got := r.check(list, []string{"dep.org/a"})
			if tc.want == "" && len(got) > 0 || tc.want != "" && !slices.Contains(got, tc.want) {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
	if got := r.check(nil, []string{"dep.org/b"}); !slices.Contains(got, "go.mod requires dep.org/b: the rules must name its importer") {
		t.Errorf("a new dependency: got %q", got)
	}
}

// TestWords looks for the words where they count and where they do not.
func TestWords(t *testing.T) {
	goFile := filepath.Join(t.TempDir(), "a.go")
	source := "// Package a says\n// who it is.\npackage a\n\nconst s = \"nobody\" // whose\n\nvar people, anew = 1, 2 // people who wait\n\n/* so\nin vain */\n"
	if err := os.WriteFile(goFile, []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	found, err := inGo(goFile)
	if err != nil {
		t.Fatal(err)
	}
	page := "It SHALL be `who`.\n```\nwho\n```\nA person who waits for whom?\nthe whole\n"
	found = append(found, inMarkdown("p.md", page)...)
	var lines []int
	for _, f := range found {
		lines = append(lines, f.line)
	}
	if want := []int{2, 5, 10, 1, 5}; !slices.Equal(lines, want) {
		t.Errorf("found in lines %v, want %v: %v", lines, want, found)
	}
}

// TestRaceAware finds the tests to run, and what it can't place.
func TestRaceAware(t *testing.T) {
	dir := t.TempDir()
	source := "package a\n\nfunc TestA(t *testing.T) {\n\tif raceEnabled {\n\t}\n}\n\nfunc TestB(t *testing.T) { _ = x.RaceEnabled }\n\nfunc TestC(t *testing.T) {}\n\nfunc help() bool { return raceEnabled }\n\nconst raceEnabled = false\n"
	if err := os.WriteFile(filepath.Join(dir, "a_test.go"), []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	tests, complaints, err := raceAware(dir)
	if err != nil || len(tests) != 2 || tests[0].name != "TestA" || tests[1].name != "TestB" {
		t.Errorf("tests %v, %v", tests, err)
	}
	if len(complaints) != 1 || !strings.Contains(complaints[0], "help") {
		t.Errorf("complaints %q", complaints)
	}
	if _, complaints, _ := raceAware(t.TempDir()); len(complaints) != 1 {
		t.Errorf("no tests: complaints %q", complaints)
	}
}

// TestReadEvents takes only what has passed for passed.
func TestReadEvents(t *testing.T) {
	passed, log := readEvents([]byte(`{"Action":"pass","Package":"` + module + `a","Test":"TestA"}
{"Action":"output","Package":"` + module + `a","Test":"TestB","Output":"text\n"}
{"Action":"skip","Package":"` + module + `a","Test":"TestB"}
{"Action":"pass","Package":"` + module + `a"}
`))
	if !passed[test{"a", "TestA"}] || passed[test{"a", "TestB"}] || log != "text\n" {
		t.Errorf("passed %v, log %q", passed, log)
	}
}
