package interop

import (
	"encoding/json"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/sioserver/sioserver/"

// layers are the module's folders and the folders that each may import, apart
// from itself; the longest match counts.
var layers = map[string][]string{
	"codec":                     {},
	"loop/safelog":              {},
	"loop":                      {},
	"eio":                       {"codec", "loop"},
	"sio/internal":              {},
	"sio/internal/clientbundle": {"eio"},
	"sio/adapter":               {"codec", "sio/internal"},
	"sio":                       {"codec", "loop", "eio", "sio/internal", "sio/adapter"},
	"sio/cluster":               {"codec", "loop/safelog", "sio/adapter"},
	"sio/emitter":               {"codec", "sio/adapter", "sio/cluster"},
	"sio/interop":               {"codec", "loop", "eio", "sio"},
	"cmd/sioserver":             {"eio", "sio"},
	"bench":                     {"codec", "loop", "eio", "sio"},
}

// tops are the folders that nothing imports.
var tops = []string{"cmd", "bench", "sio/interop"}

// importers are the only folders that may import a dependency.
var importers = map[string]string{
	"github.com/panjf2000/gnet":         "loop",
	"github.com/valyala/bytebufferpool": "loop",
	"github.com/gobwas/ws":              "eio/internal/wsframe",
	"github.com/bytedance/sonic":        "codec/jsonenc",
	"github.com/andybalholm/brotli":     "sio/internal/clientbundle",
	"github.com/redis/go-redis":         "sio/cluster/redisadapter",
}

// without are packages of the module that must do without others, also indirectly.
var without = map[string][]string{
	"sio/emitter": {module + "loop", module + "eio", module + "sio", module + "sio/cluster/redisadapter", "github.com/redis/go-redis/v9"},
}

// goPackage is what `go list` tells about a package.
type goPackage struct {
	ImportPath                               string
	Imports, TestImports, XTestImports, Deps []string
}

// TestImportArrows keeps the layers: what imports what, and who alone imports
// the big dependencies. Tests may import more of the module than the code that
// they test, but neither the tops nor the dependencies.
func TestImportArrows(t *testing.T) {
	packages := listPackages(t)
	for _, p := range packages {
		from := strings.TrimPrefix(p.ImportPath, module)
		layer, known := layerOf(from)
		if !known {
			t.Errorf("%s is in no layer: add it to the picture", from)
		}
		for _, i := range p.Imports {
			if to, ours := strings.CutPrefix(i, module); ours && !allowed(layer, to) {
				t.Errorf("%s imports %s: %s may import %v", from, to, layer, layers[layer])
			}
		}
		for _, dependency := range without[from] {
			if slices.Contains(p.Deps, dependency) {
				t.Errorf("%s depends on %s", from, dependency)
			}
		}
		for _, i := range slices.Concat(p.Imports, p.TestImports, p.XTestImports) {
			to, ours := strings.CutPrefix(i, module)
			for _, top := range tops {
				if ours && below(to, top) && !below(from, top) {
					t.Errorf("%s imports %s: nothing imports %s", from, to, top)
				}
			}
			for dependency, only := range importers {
				if below(i, dependency) && !below(from, only) {
					t.Errorf("%s imports %s: only %s may", from, i, only)
				}
			}
		}
	}
}

// below reports whether path is folder or in it.
func below(path, folder string) bool {
	return path == folder || strings.HasPrefix(path, folder+"/")
}

// layerOf gives the layer that a package is in.
func layerOf(path string) (layer string, known bool) {
	for l := range layers {
		if below(path, l) && len(l) > len(layer) {
			layer, known = l, true
		}
	}
	return layer, known
}

// allowed reports whether a package of layer may import to.
func allowed(layer, to string) bool {
	if below(to, layer) {
		return true
	}
	return slices.ContainsFunc(layers[layer], func(l string) bool { return below(to, l) })
}

// listPackages gives all packages of the module.
func listPackages(t *testing.T) []goPackage {
	t.Helper()
	out, err := exec.Command("go", "list", "-e", "-json=ImportPath,Imports,TestImports,XTestImports,Deps", module+"...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var list []goPackage
	for d := json.NewDecoder(strings.NewReader(string(out))); d.More(); {
		var p goPackage
		if err := d.Decode(&p); err != nil {
			t.Fatal(err)
		}
		list = append(list, p)
	}
	if len(list) < 5 {
		t.Fatalf("go list found only %d packages", len(list))
	}
	return list
}
