package docs_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// api is the exported names of packages: those of a package by its name, and
// the members of a type by "package.Type".
type api map[string]map[string]bool

// readAPI parses the packages in the folders.
func readAPI(t *testing.T, folders ...string) api {
	t.Helper()
	a := make(api)
	for _, folder := range folders {
		files, err := filepath.Glob(filepath.Join(folder, "*.go"))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %d files, %v", folder, len(files), err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range f.Decls {
				a.addDecl(f.Name.Name, d)
			}
		}
	}
	return a
}

func (a api) add(owner, name string) {
	if !ast.IsExported(name) {
		return
	}
	if a[owner] == nil {
		a[owner] = make(map[string]bool)
	}
	a[owner][name] = true
}

func (a api) addDecl(pkg string, d ast.Decl) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Recv == nil {
			a.add(pkg, d.Name.Name)
		} else {
			a.add(pkg+"."+typeName(d.Recv.List[0].Type), d.Name.Name)
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			switch spec := spec.(type) {
			case *ast.ValueSpec:
				for _, n := range spec.Names {
					a.add(pkg, n.Name)
				}
			case *ast.TypeSpec:
				a.add(pkg, spec.Name.Name)
				a.addMembers(pkg+"."+spec.Name.Name, spec.Type)
			}
		}
	}
}

func (a api) addMembers(owner string, t ast.Expr) {
	var list *ast.FieldList
	switch t := t.(type) {
	case *ast.StructType:
		list = t.Fields
	case *ast.InterfaceType:
		list = t.Methods
	default:
		return
	}
	for _, f := range list.List {
		for _, n := range f.Names {
			a.add(owner, n.Name)
		}
	}
}

func typeName(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.StarExpr:
		return typeName(e.X)
	case *ast.IndexExpr:
		return typeName(e.X)
	case *ast.IndexListExpr:
		return typeName(e.X)
	case *ast.Ident:
		return e.Name
	}
	return ""
}

// has reports whether the owner, a package, a type of one of the packages, or a
// variable as the documents call it, has the name; without an owner, whether
// anything has it.
func (a api) has(owner, name string) bool {
	switch owner {
	case "s":
		owner = "Socket"
	case "ns":
		owner = "Namespace"
	case "server":
		owner = "Server"
	}
	for where, names := range a {
		_, typ, isType := strings.Cut(where, ".")
		if names[name] && (owner == "" || owner == where || isType && owner == typ) {
			return true
		}
	}
	return owner == "Server" && a["sio.Namespace"][name] // a Server embeds one
}

var (
	quoted = regexp.MustCompile(`"[^"]*"`)
	goName = regexp.MustCompile(`(?:(\b[A-Za-z]\w*)(?:\(\))?\.)?\b([A-Z]\w*)\b`)
	// foreign are the packages that are not this module's.
	foreign = []string{"context", "json", "regexp", "time"}
	// placeholders are names that the samples leave to the reader.
	placeholders = []string{"Message", "R", "T", "DEBUG"}
)

// linesOf is a document, line by line.
func linesOf(t *testing.T, name string) []string {
	t.Helper()
	return strings.Split(read(t, name), "\n")
}

// goColumns is the part of a line that speaks of Go: all but the first column of a
// table, except where that table has only Go.
func goColumns(line string, goOnly bool) string {
	if !strings.HasPrefix(line, "| ") {
		return line
	}
	if goOnly {
		return line
	}
	return line[columnEnd(line):]
}

// columnEnd is where the first column of a table's line ends.
func columnEnd(line string) int {
	code := false
	for i := 2; i < len(line); i++ {
		switch line[i] {
		case '`':
			code = !code
		case '|':
			if !code {
				return i
			}
		}
	}
	return len(line)
}

// apiDocuments are the two that have the API side by side with the reference's.
var apiDocuments = []string{"migration.md", "options.md"}

// TestDocumentNames: every Go name in the two documents exists.
func TestDocumentNames(t *testing.T) {
	a := readAPI(t, "../sio", "../sio/adapter", "../sio/emitter", "../sio/cluster", "../sio/cluster/redisadapter", "../eio")
	checked := 0
	for _, name := range apiDocuments {
		goOnly := false
		for i, line := range linesOf(t, name) {
			if strings.HasPrefix(line, "#") {
				goOnly = strings.HasPrefix(line, "### What the reference does not have")
			}
			for _, span := range codeSpan.FindAllString(goColumns(line, goOnly), -1) {
				for _, m := range goName.FindAllStringSubmatch(quoted.ReplaceAllString(span, ""), -1) {
					if slices.Contains(foreign, m[1]) || m[1] == "" && slices.Contains(placeholders, m[2]) {
						continue
					}
					checked++
					if !a.has(m[1], m[2]) {
						t.Errorf("docs/%s:%d: there is no %s in the API (%s)", name, i+1, strings.TrimPrefix(m[1]+"."+m[2], "."), span)
					}
				}
			}
		}
	}
	if checked < 300 {
		t.Errorf("only %d names were found", checked)
	}
}

// TestDocumentsAreWhole: every option, and every method of what a program uses,
// is in one of the two documents.
func TestDocumentsAreWhole(t *testing.T) {
	a := readAPI(t, "../sio")
	told := make(map[string]bool)
	for _, name := range apiDocuments {
		for _, line := range linesOf(t, name) {
			for _, span := range codeSpan.FindAllString(line, -1) {
				for _, m := range goName.FindAllStringSubmatch(span, -1) {
					told[m[2]] = true
				}
			}
		}
	}
	for _, typ := range []string{"Config", "Server", "Namespace", "BroadcastOperator", "Socket", "SocketEmitter", "RemoteSocket", "Conn", "Recovery"} {
		for _, member := range slices.Sorted(maps.Keys(a["sio."+typ])) {
			if !told[member] {
				t.Errorf("%s.%s is in neither document", typ, member)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(a["sio"])) {
		if strings.HasPrefix(name, "Err") && !told[name] {
			t.Errorf("%s is in neither document", name)
		}
	}
}

// claims are the sentences of the documents that say more than a name, each
// with what shows it: tests, or the reason why there is none.
func claims(t *testing.T) map[string]string {
	t.Helper()
	list := make(map[string]string)
	for block := range strings.SplitSeq(strings.TrimSpace(read(t, "testdata/claims.txt")), "\n\n") {
		sentence, shown, ok := strings.Cut(block, "\n\t")
		if !ok || list[sentence] != "" {
			t.Errorf("testdata/claims.txt: no sentence and proof, or twice: %q", block)
		}
		list[sentence] = shown
	}
	return list
}

var (
	link = regexp.MustCompile(`\[[^\]]*\]\([^)]*\)`)
	word = regexp.MustCompile(`\pL[\pL']+`)
)

// sentences are the items and cells of a document that say more than names, and
// are no reason why there is none.
func sentences(lines []string) (list []string) {
	for _, line := range lines {
		text, isItem := strings.CutPrefix(line, "- ")
		if strings.HasPrefix(line, "| ") {
			text = strings.Trim(line[columnEnd(line):], "| ")
		} else if !isItem {
			continue
		}
		bare := link.ReplaceAllString(codeSpan.ReplaceAllString(text, ""), "")
		if strings.HasPrefix(text, "– ") {
			continue // a reason
		}
		if isItem || len(word.FindAllString(bare, -1)) > 2 {
			list = append(list, text)
		}
	}
	return list
}

// TestDocumentClaims: everything that the two documents claim is shown by a
// test that exists, or has a reason, in testdata/claims.txt.
func TestDocumentClaims(t *testing.T) {
	tests := testNames(t, "Test|Example")
	known := claims(t)
	for _, name := range apiDocuments {
		for _, sentence := range sentences(linesOf(t, name)) {
			shown, ok := known[sentence]
			if !ok {
				t.Errorf("docs/%s: nothing in testdata/claims.txt shows that\n%s", name, sentence)
				continue
			}
			known[sentence] = ""
			if strings.HasPrefix(shown, "reason: ") {
				continue
			}
			for test := range strings.FieldsSeq(shown) {
				if !tests[test] {
					t.Errorf("%s, which shows %q, does not exist", test, sentence)
				}
			}
		}
	}
	for sentence, shown := range known {
		if shown != "" {
			t.Errorf("testdata/claims.txt: no document says %q", sentence)
		}
	}
}

// testNames are the functions of the module's tests of some kinds, such as
// "Test|Example".
func testNames(t *testing.T, kinds string) map[string]bool {
	t.Helper()
	names := make(map[string]bool)
	declared := regexp.MustCompile(`(?m)^func ((?:` + kinds + `)\w*)\(`)
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.Name() == "node_modules" {
			if err == nil {
				err = filepath.SkipDir
			}
			return err
		}
		if !strings.HasSuffix(path, "_test.go") {
			return nil
		}
		b, err := os.ReadFile(path)
		for _, m := range declared.FindAllSubmatch(b, -1) {
			names[string(m[1])] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}
