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

// checkTable runs the cases and compares them with a file of testdata, which
// has a row for each in the same order, behind lines that begin with '#'. If
// the rows depend on another program, version names it, and they are compared
// if those lines name it too.
func checkTable(t *testing.T, name, version string, cases []tableCase) {
	t.Helper()
	file := "testdata/" + name
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var head, ids []string
	rows := map[string]string{}
	for line := range strings.Lines(string(b)) {
		if line = strings.TrimSuffix(line, "\n"); strings.HasPrefix(line, "#") {
			head = append(head, line)
			continue
		}
		id, _, _ := strings.Cut(line, "\t")
		ids = append(ids, id)
		rows[id] = line
	}
	compares := *update || strings.Contains(strings.Join(head, "\n"), version)
	if !compares {
		t.Logf("%s is not compared: it is not of %s", file, version)
	}
	var want []string
	for _, c := range cases {
		want = append(want, c.id)
		t.Run(c.id, func(t *testing.T) {
			row := c.run(t)
			if *update {
				rows[c.id] = row
			}
			if compares && rows[c.id] != row {
				t.Errorf("%s has\n%s\nand the case shows\n%s", file, rows[c.id], row)
			}
		})
	}
	if *update {
		lines := head
		for _, id := range want {
			lines = append(lines, rows[id])
		}
		if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n"), 0o644); err != nil {
			t.Error(err)
		}
	} else if !slices.Equal(ids, want) {
		t.Errorf("%s has the cases %q, the tests have %q", file, ids, want)
	}
}
