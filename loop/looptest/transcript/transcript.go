// Package transcript plays transcripts for tests. A transcript is a text file.
// Lines at the margin are input, indented lines after each are its output,
// empty lines and those that begin with # are comments.
//
//	send hello
//	  websocket 4hello
//
// With the flag -update, tests write the output that there is to the files.
package transcript

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the transcripts with the output that there is")

// Run plays each file that pattern matches as a subtest with the file's name.
// It calls start for each, and the function that start returns for each line of
// input; that one returns the output. The subtest fails if the output differs
// from the file's.
func Run(t *testing.T, pattern string, start func(t *testing.T) func(line string) []string) {
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("no transcripts: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := play(string(want), start(t))
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got != string(want) {
				t.Errorf("the transcript differs; got\n%s", got)
			}
		})
	}
}

// indent begins a line of output.
const indent = "  "

// play returns the script with the output that f returns for its input.
func play(script string, f func(line string) []string) string {
	var out strings.Builder
	for line := range strings.Lines(script) {
		line = strings.TrimSuffix(line, "\n")
		if strings.HasPrefix(line, indent) {
			continue
		}
		out.WriteString(line + "\n")
		if line == "" || line[0] == '#' {
			continue
		}
		for _, output := range f(line) {
			out.WriteString(indent + output + "\n")
		}
	}
	return out.String()
}
