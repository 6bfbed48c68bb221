// Package docs_test checks the documents: their Go code compiles, their links
// lead somewhere, what they name exists, and errors.md is whole.
package docs_test

import (
	"bytes"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// documents returns the Markdown files of the project that this package checks,
// as paths from this folder.
func documents(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, pattern := range []string{"*.md", "examples/*.md", "../*.md", "../profiles/*.md", "../profiles/*/*.md", "../bench/*/*.md", "../cmd/*/*/*.md"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, files...)
	}
	if len(all) < 10 {
		t.Fatalf("only %d documents are found: %q", len(all), all)
	}
	return all
}

func read(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// block is a piece of Go code in a document.
type block struct {
	file string
	line int // of its first line
	code string
}

func (b block) String() string { return fmt.Sprintf("%s:%d", b.file, b.line) }

var goBlock = regexp.MustCompile("(?ms)^```go\n(.*?)^```$")

func goBlocks(t *testing.T, file string) (blocks []block) {
	t.Helper()
	text := read(t, file)
	for _, at := range goBlock.FindAllStringSubmatchIndex(text, -1) {
		blocks = append(blocks, block{file, 1 + strings.Count(text[:at[2]], "\n"), text[at[2]:at[3]]})
	}
	return blocks
}

// tested has the documents whose Go code is part of files that tests run, and
// patterns of those files.
var tested = map[string]string{
	"recipes.md":   "recipes_test.go",
	"embedding.md": "examples/*/*.go",
	"testing.md":   "examples/testing/*.go",
}

// TestCodeIsTested: the Go code of the documents in tested is that of the
// files.
func TestCodeIsTested(t *testing.T) {
	for document, pattern := range tested {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		blocks := goBlocks(t, document)
		for _, b := range blocks {
			if !slices.ContainsFunc(files, func(file string) bool { return strings.Contains(read(t, file), b.code) }) {
				t.Errorf("%s: no file of %s has this code:\n%s", b, pattern, b.code)
			}
		}
		if len(blocks) < 5 {
			t.Errorf("%s has only %d pieces of Go code", document, len(blocks))
		}
	}
}

// TestGoCodeCompiles type-checks the Go code of all other documents. A piece
// may be a file, declarations, imports, or statements. It may use the variables
// of given, and leave variables unused.
func TestGoCodeCompiles(t *testing.T) {
	known := listPackages(t)
	checked := 0
	for _, file := range documents(t) {
		if tested[file] != "" {
			continue
		}
		for _, b := range goBlocks(t, file) {
			checked++
			for _, err := range known.check(b) {
				t.Errorf("%s: %v", b, err)
			}
		}
	}
	if checked < 8 {
		t.Errorf("only %d pieces of code are found", checked)
	}
}

// TestWrongCodeIsFound: the check finds what does not exist.
func TestWrongCodeIsFound(t *testing.T) {
	known := listPackages(t)
	for _, code := range []string{"srv.Vanish()\n", "func f(s *sio.Socket) { s.Vanish() }\n", "x := 1 +\n", `import "nowhere"` + "\n"} {
		if len(known.check(block{"wrong.md", 1, code})) == 0 {
			t.Errorf("nothing is wrong with %q", code)
		}
	}
}

// given are the variables that pieces of code may use without declaring them.
const given = `
var (
	ctx      context.Context
	srv      *sio.Server
	ns       *sio.Namespace
	s        *sio.Socket
	err      error
	client   *redis.Client
	streams  interface{ Adapter(adapter.Local) adapter.Adapter }
	socketID string
)
`

// packages finds packages by name and their export data by path.
type packages struct {
	paths  map[string]string // by name; those of the module before others
	export map[string]string
	fset   *token.FileSet
	from   types.Importer
}

// listPackages asks the go command for the module's packages and what they
// need.
func listPackages(t *testing.T) *packages {
	t.Helper()
	out, err := exec.Command("go", "list", "-export", "-deps", "-f", "{{.ImportPath}}\t{{.Name}}\t{{.Export}}", "../...").Output()
	if err != nil {
		t.Fatal(err)
	}
	p := &packages{paths: make(map[string]string), export: make(map[string]string), fset: token.NewFileSet()}
	for line := range strings.Lines(string(out)) {
		fields := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		p.export[fields[0]] = fields[2]
		ours := strings.HasPrefix(fields[0], "github.com/sioserver/")
		standard := !strings.Contains(fields[0], ".") && !strings.Contains(fields[0], "/internal/")
		if _, taken := p.paths[fields[1]]; ours || standard && !taken || strings.HasSuffix(fields[0], "/"+fields[1]) && !taken {
			p.paths[fields[1]] = fields[0]
		}
		if strings.HasPrefix(fields[0], "github.com/redis/go-redis/v") && strings.Count(fields[0], "/") == 3 {
			p.paths["redis"] = fields[0]
		}
	}
	p.from = importer.ForCompiler(p.fset, "gc", func(path string) (io.ReadCloser, error) {
		if file := p.export[path]; file != "" {
			return os.Open(file)
		}
		return nil, fmt.Errorf("no package %q", path)
	})
	return p
}

// check returns what is wrong with a piece of code.
func (p *packages) check(b block) (wrong []error) {
	f, err := p.parse(b)
	if err != nil {
		return []error{err}
	}
	config := types.Config{Importer: p.from, Error: func(err error) {
		var e types.Error
		if !errors.As(err, &e) || !e.Soft {
			wrong = append(wrong, err)
		}
	}}
	_, _ = config.Check("piece", p.fset, []*ast.File{f}, nil)
	return wrong
}

// parse makes a file of the piece, with imports if it has none.
func (p *packages) parse(b block) (*ast.File, error) {
	mode := parser.SkipObjectResolution
	if strings.HasPrefix(b.code, "package ") {
		return parser.ParseFile(p.fset, b.String(), b.code, mode)
	}
	if strings.Contains(b.code, "\n\""+"github.com/sioserver/") { // a list of imports
		return parser.ParseFile(p.fset, b.String(), "package piece\nimport (\n"+b.code+")\n", mode)
	}
	text := "package piece\n" + p.imports(given+b.code) + given + b.code
	f, err := parser.ParseFile(p.fset, b.String(), text, mode)
	if err == nil {
		return f, nil
	}
	return parser.ParseFile(p.fset, b.String(), "package piece\n"+p.imports(given+b.code)+given+"func _() {\n"+b.code+"}\n", mode)
}

var qualified = regexp.MustCompile(`\b([a-z]\w*)\.[A-Z]`)

// imports declares the packages that code may mean.
func (p *packages) imports(code string) string {
	var names []string
	for _, m := range qualified.FindAllStringSubmatch(code, -1) {
		if p.paths[m[1]] != "" && !strings.Contains(code, "\t"+m[1]+" ") {
			names = append(names, m[1])
		}
	}
	slices.Sort(names)
	var list bytes.Buffer
	for _, name := range slices.Compact(names) {
		fmt.Fprintf(&list, "import %s %q\n", name, p.paths[name])
	}
	return list.String()
}

var (
	codeSpan = regexp.MustCompile("`[^`]+`")
	member   = regexp.MustCompile(`(?:^|[^.\w])(srv|s|ns|sio|Config|Stats|Handshake|Socket|Server|Namespace|Conn|Event|Reply)(?:\(\))?\.([A-Z]\w*)`)
)

// owners are the types that documents mean by the names of variables.
var owners = map[string]string{"srv": "Server", "s": "Socket", "ns": "Namespace"}

// TestNames: the members of package sio and of its types that the documents
// name in code exist. TestDocumentNames checks migration.md and options.md.
func TestNames(t *testing.T) {
	pkg, err := listPackages(t).from.Import("github.com/sioserver/sioserver/sio")
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	for _, file := range []string{"../README.md", "../SECURITY.md", "from-go.md", "recipes.md", "errors.md", "security.md", "sizing.md", "tuning.md", "embedding.md", "operating.md", "proxies.md", "testing.md"} {
		for _, span := range codeSpan.FindAllString(goSide(file, fenced.ReplaceAllString(read(t, file), "")), -1) {
			for _, m := range member.FindAllStringSubmatch(span, -1) {
				checked++
				if !hasName(pkg, m[1], m[2]) {
					t.Errorf("%s: there is no %s (%s)", file, m[0], span)
				}
			}
		}
	}
	if checked < 100 {
		t.Errorf("only %d names are found", checked)
	}
}

// goSide leaves out the first column of the tables of from-go.md, which has the
// names of other servers.
func goSide(file, text string) string {
	if file != "from-go.md" {
		return text
	}
	var own strings.Builder
	for line := range strings.Lines(text) {
		if cells := strings.Split(line, " | "); strings.HasPrefix(line, "| ") {
			line = cells[len(cells)-1]
		}
		own.WriteString(line)
	}
	return own.String()
}

// hasName reports whether the owner, a type of pkg, a variable of owners, or
// pkg itself, has the name.
func hasName(pkg *types.Package, owner, name string) bool {
	if owner == "sio" {
		return pkg.Scope().Lookup(name) != nil
	}
	if of := owners[owner]; of != "" {
		owner = of
	}
	obj := pkg.Scope().Lookup(owner)
	if obj == nil {
		return false
	}
	found, _, _ := types.LookupFieldOrMethod(types.NewPointer(obj.Type()), true, pkg, name)
	return found != nil
}

var (
	markdownLink = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading      = regexp.MustCompile(`(?m)^#{1,6} (.+)$`)
	notInAnchor  = regexp.MustCompile(`[^\p{L}\p{N}_\- ]`)
	fenced       = regexp.MustCompile("(?ms)^```.*?^```$")
)

// anchors are the anchors of a document's headings, as GitHub makes them.
func anchors(text string) map[string]bool {
	list := make(map[string]bool)
	for _, m := range heading.FindAllStringSubmatch(fenced.ReplaceAllString(text, ""), -1) {
		anchor := notInAnchor.ReplaceAllString(strings.ToLower(m[1]), "")
		list[strings.ReplaceAll(anchor, " ", "-")] = true
	}
	return list
}

// TestLinks: the links between the documents lead to files and headings that
// exist.
func TestLinks(t *testing.T) {
	for _, file := range documents(t) {
		for _, m := range markdownLink.FindAllStringSubmatch(fenced.ReplaceAllString(read(t, file), ""), -1) {
			target, anchor, _ := strings.Cut(m[1], "#")
			if strings.Contains(target, "://") {
				continue
			}
			to := file
			if target != "" {
				to = path.Join(path.Dir(filepath.ToSlash(file)), target)
			}
			if _, err := os.Stat(to); err != nil {
				t.Errorf("%s: %s: %v", file, m[1], err)
				continue
			}
			if anchor != "" && !anchors(read(t, to))[anchor] {
				t.Errorf("%s: %s: there is no such heading", file, m[1])
			}
		}
	}
}

// TestErrorsAreWhole: errors.md explains every reason, error and type of error
// that package sio exports.
func TestErrorsAreWhole(t *testing.T) {
	text := read(t, "errors.md")
	files, err := filepath.Glob("../sio/*.go")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		for _, m := range exportedError.FindAllStringSubmatch(read(t, file), -1) {
			found++
			if name := m[1] + m[2] + m[3]; !strings.Contains(text, "`"+name+"`") && !strings.Contains(text, "`*"+name+"`") {
				t.Errorf("errors.md does not explain %s of %s", name, file)
			}
		}
	}
	if found < 30 {
		t.Errorf("only %d reasons and errors are found", found)
	}
}

// exportedError matches the value of a Reason, the name of an error, and the
// name of a type of error.
var exportedError = regexp.MustCompile(`(?m)^\s+\w+\s+Reason = "([^"]+)"|^(?:var|\s)\s*(Err[A-Z]\w*)\b[^\n]*= (?:errors|adapter)\.|^type ([A-Z]\w*Error) struct`)
