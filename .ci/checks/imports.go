package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
)

// goPackage is what go list prints about a package.
type goPackage struct {
	ImportPath                               string
	Imports, TestImports, XTestImports, Deps []string
}

// imports checks the module's packages and dependencies against the rules.
func imports() ([]string, error) {
	packages, err := listPackages()
	if err != nil {
		return nil, err
	}
	dependencies, err := listDependencies()
	if err != nil {
		return nil, err
	}
	return rules.check(packages, dependencies), nil
}

// check returns what in the packages and the direct dependencies of the module
// is against the rules. Tests may import more of the module than the code that
// they test, but neither the tops nor the dependencies.
func (r importRules) check(packages []goPackage, dependencies []string) (complaints []string) {
	complain := func(format string, args ...any) { complaints = append(complaints, fmt.Sprintf(format, args...)) }
	used := map[[2]string]bool{} // arrows between layers, and from an importer to its dependency
	for _, p := range packages {
		from := strings.TrimPrefix(p.ImportPath, module)
		layer := longest(from, r.layers)
		if layer == "" {
			complain("%s is in no layer", from)
		}
		used[[2]string{layer}] = true
		for _, i := range p.Imports {
			to, ours := strings.CutPrefix(i, module)
			if other := longest(to, r.layers); ours && other != layer {
				if !slices.Contains(r.layers[layer], other) {
					complain("%s imports %s: %s may import %v", from, to, layer, r.layers[layer])
				}
				used[[2]string{layer, other}] = true
			}
		}
		for _, i := range p.Imports {
			if s := longest(i, r.standard); s != "" && longestOf(from, r.standard[s]) == "" {
				complain("%s imports %s: only the code of %v may", from, i, r.standard[s])
			}
		}
		for _, other := range r.without[from] {
			if slices.Contains(p.Deps, other) {
				complain("%s depends on %s", from, other)
			}
		}
		for n, i := range slices.Concat(p.Imports, p.TestImports, p.XTestImports) {
			to, ours := strings.CutPrefix(i, module)
			if top := longestOf(to, r.tops); ours && top != "" && !below(from, top) {
				complain("%s imports %s: nothing imports %s", from, to, top)
			}
			if dependency := longest(i, r.importers); dependency != "" {
				importer := longestOf(from, r.importers[dependency])
				if importer == "" {
					complain("%s imports %s: only %v may", from, i, r.importers[dependency])
				}
				if n < len(p.Imports) {
					used[[2]string{importer, dependency}] = true
				}
			}
			if dependency := longest(i, r.testers); dependency != "" {
				tester := longestOf(from, r.testers[dependency])
				if tester == "" || n < len(p.Imports) {
					complain("%s imports %s: only tests of %v may", from, i, r.testers[dependency])
				}
				used[[2]string{tester, dependency}] = true
			}
		}
	}
	for layer, others := range r.layers {
		if !used[[2]string{layer}] {
			complain("no package is in the layer %s", layer)
		}
		for _, other := range others {
			if !used[[2]string{layer, other}] {
				complain("%s must import %s, or the rules must not list it", layer, other)
			}
		}
	}
	for _, list := range []map[string][]string{r.importers, r.testers} {
		for dependency, importers := range list {
			for _, importer := range importers {
				if !used[[2]string{importer, dependency}] {
					complain("%s must import %s", importer, dependency)
				}
			}
		}
	}
	for _, d := range dependencies {
		if r.importers[d] == nil && r.testers[d] == nil {
			complain("go.mod requires %s: the rules must name its importer", d)
		}
	}
	for p := range r.without {
		if !slices.ContainsFunc(packages, func(g goPackage) bool { return g.ImportPath == module+p }) {
			complain("there is no package %s", p)
		}
	}
	slices.Sort(complaints)
	return complaints
}

// below reports whether path is folder or in it.
func below(path, folder string) bool {
	return path == folder || strings.HasPrefix(path, folder+"/")
}

// longest returns the longest of the folders that path is in, or "".
func longest[V any](path string, folders map[string]V) (found string) {
	for f := range folders {
		if below(path, f) && len(f) > len(found) {
			found = f
		}
	}
	return found
}

// longestOf is longest for a list.
func longestOf(path string, folders []string) (found string) {
	for _, f := range folders {
		if below(path, f) && len(f) > len(found) {
			found = f
		}
	}
	return found
}

// listPackages returns the module's packages.
func listPackages() (list []goPackage, err error) {
	out, err := run("go", "list", "-json=ImportPath,Imports,TestImports,XTestImports,Deps", "./...")
	if err != nil {
		return nil, err
	}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p goPackage
		if err := d.Decode(&p); err == io.EOF {
			return list, nil
		} else if err != nil {
			return nil, err
		}
		list = append(list, p)
	}
}

// listDependencies returns the modules that go.mod requires directly.
func listDependencies() (list []string, err error) {
	out, err := run("go", "mod", "edit", "-json")
	if err != nil {
		return nil, err
	}
	var mod struct {
		Require []struct {
			Path     string
			Indirect bool
		}
	}
	if err := json.Unmarshal(out, &mod); err != nil {
		return nil, err
	}
	for _, r := range mod.Require {
		if !r.Indirect {
			list = append(list, r.Path)
		}
	}
	return list, nil
}

// run returns what a command prints.
func run(name string, args ...string) ([]byte, error) {
	out, err := exec.Command(name, args...).Output()
	if exit, ok := err.(*exec.ExitError); ok {
		return nil, fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, exit.Stderr)
	}
	return out, err
}
