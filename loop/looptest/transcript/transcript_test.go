package transcript

import (
	"slices"
	"strings"
	"testing"
)

func TestPlayReplacesTheOutput(t *testing.T) {
	const script = "# a comment\n\none two\n  one\n  what is not there any more\nthree\n"
	const want = "# a comment\n\none two\n  one\n  two\nthree\n  three\n"
	var input []string
	got := play(script, func(line string) []string {
		input = append(input, line)
		return strings.Fields(line)
	})
	if got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if !slices.Equal(input, []string{"one two", "three"}) {
		t.Errorf("the input is %q", input)
	}
	if again := play(got, strings.Fields); again != got {
		t.Errorf("played again it is %q", again)
	}
}
