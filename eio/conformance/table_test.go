package conformance

import (
	"flag"
	"os"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write what the tests show to the tables in testdata")

// tableCase is a case that has a row in a table.
type tableCase struct {
	id string
	// run plays the case and returns its row, which begins with id and a tab.
	run func(t *testing.T) (row string)
}

// table is a file of testdata, which has a row for each case behind lines that
// begin with '#'.
type table struct {
	file      string
	head, ids []string
	rows      map[string]string
	// compares is set if the rows hold here: they may depend on another
	// program's version, which the lines before them then name.
	compares bool
}

// readTable reads the table of the cases that depend on version, if it is not
// empty.
func readTable(t *testing.T, name, version string) *table {
	t.Helper()
	tab := &table{file: "testdata/" + name, rows: map[string]string{}}
	b, err := os.ReadFile(tab.file)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if line = strings.TrimSuffix(line, "\n"); strings.HasPrefix(line, "#") {
			tab.head = append(tab.head, line)
			continue
		}
		id, _, _ := strings.Cut(line, "\t")
		tab.ids = append(tab.ids, id)
		tab.rows[id] = line
	}
	tab.compares = *update || strings.Contains(strings.Join(tab.head, "\n"), version)
	if !tab.compares {
		t.Logf("%s is not compared: it is not of %s", tab.file, version)
	}
	return tab
}

// check runs the cases, in the order of the rows, and compares them with those.
func (tab *table) check(t *testing.T, cases []tableCase) {
	t.Helper()
	var ids []string
	for _, c := range cases {
		ids = append(ids, c.id)
		t.Run(c.id, func(t *testing.T) {
			row := c.run(t)
			if *update {
				tab.rows[c.id] = row
			}
			if tab.compares && tab.rows[c.id] != row {
				t.Errorf("%s has\n%s\nand the case shows\n%s", tab.file, tab.rows[c.id], row)
			}
		})
	}
	if *update {
		lines := tab.head
		for _, id := range ids {
			lines = append(lines, tab.rows[id])
		}
		if err := os.WriteFile(tab.file, []byte(strings.Join(lines, "\n")+"\n"), 0o644); err != nil {
			t.Error(err)
		}
	} else if !slices.Equal(tab.ids, ids) {
		t.Errorf("%s has the cases %q, the tests have %q", tab.file, tab.ids, ids)
	}
}
