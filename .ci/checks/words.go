package main

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"slices"
	"strings"
)

var (
	wordPattern  = regexp.MustCompile(`(?i)\b(` + strings.Join(forbidden, "|") + `)\b`)
	rightPattern = regexp.MustCompile(`(?i)\b(` + strings.Join(people, "|") + `),? who\b`)
	codePattern  = regexp.MustCompile("`[^`]*`")
)

// finding is a forbidden word in a line of a file.
type finding struct {
	path string
	line int
	text string
}

// words looks for forbidden words in comments, in the strings of the code that
// is not a test, and in Markdown, except for what is code there.
func words() (complaints []string, err error) {
	var found []finding
	err = walk(".", ".go", func(path string) error {
		f, err := inGo(path)
		found = append(found, f...)
		return err
	})
	if err != nil {
		return nil, err
	}
	err = walk(".", ".md", func(path string) error {
		b, err := os.ReadFile(path)
		found = append(found, inMarkdown(path, string(b))...)
		return err
	})
	if err != nil {
		return nil, err
	}
	left := map[string]int{}
	for _, f := range found {
		if folder := longestOf(f.path, unchecked); folder != "" {
			left[folder]++
			continue
		}
		complaints = append(complaints, fmt.Sprintf("%s:%d: %s", f.path, f.line, f.text))
	}
	for _, folder := range unchecked {
		if left[folder] == 0 {
			fmt.Println(folder, "has no forbidden words left: take it out of the list unchecked")
		}
	}
	return complaints, nil
}

// inGo returns the findings in a Go file.
func inGo(path string) (found []finding, err error) {
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, path, nil, parser.ParseComments)
	if err != nil {
		return nil, err
	}
	look := func(pos token.Pos, text string) {
		for i, line := range strings.Split(text, "\n") {
			if wrong(line) {
				found = append(found, finding{path, files.Position(pos).Line + i, strings.TrimSpace(line)})
			}
		}
	}
	for _, group := range file.Comments {
		for _, c := range group.List {
			look(c.Pos(), c.Text)
		}
	}
	if !strings.HasSuffix(path, "_test.go") {
		ast.Inspect(file, func(n ast.Node) bool {
			if s, ok := n.(*ast.BasicLit); ok && s.Kind == token.STRING {
				look(s.Pos(), s.Value)
			}
			return true
		})
	}
	slices.SortFunc(found, func(a, b finding) int { return cmp.Compare(a.line, b.line) })
	return found, nil
}

// inMarkdown returns the findings in a page outside of its code.
func inMarkdown(path, page string) (found []finding) {
	code := false
	for i, line := range strings.Split(page, "\n") {
		if strings.HasPrefix(strings.TrimSpace(line), "```") {
			code = !code
			continue
		}
		if line = codePattern.ReplaceAllString(line, ""); !code && wrong(line) {
			found = append(found, finding{path, i + 1, strings.TrimSpace(line)})
		}
	}
	return found
}

// wrong reports whether a line has a forbidden word that is not right there.
func wrong(line string) bool {
	for _, q := range quoted {
		line = strings.ReplaceAll(line, q, "")
	}
	return wordPattern.MatchString(rightPattern.ReplaceAllString(line, ""))
}
