package engineio

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestAppendJSONP(t *testing.T) {
	for _, c := range []struct{ name, index, payload, want string }{
		{"E59 quotes", "3", `0{"sid":"x"}`, `___eio[3]("0{\"sid\":\"x\"}");`},
		{"E131 protocol 3", "0", `114:0{"sid"`, `___eio[0]("114:0{\"sid\"");`},
		{"other characters are stripped", "1);alert(2", "6", `___eio[12]("6");`},
		{"no digits", "", "6", `___eio[]("6");`},
		{"line separators", "1", "4\u2028a\u2029\u202a", `___eio[1]("4\u2028a\u2029` + "\u202a" + `");`},
		{"separators only", "1", "\u2029\u2029", `___eio[1]("\u2029\u2029");`},
		{"record separator", "1", "4a\x1e4b", `___eio[1]("4a\u001e4b");`},
	} {
		if got := string(AppendJSONP([]byte("x"), c.index, []byte(c.payload))); got != "x"+c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

func TestUnescapeJSONP(t *testing.T) {
	for in, want := range map[string]string{
		`4a\nb`:    "4a\nb",
		`4a\\nb`:   `4a\nb`,
		`4a\\\nb`:  `4a\` + `\nb`,
		`4\\`:      `4\\`,
		`4\`:       `4\`,
		`4\t"\\t"`: `4\t"\\t"`,
		``:         ``,
	} {
		if got := string(UnescapeJSONP([]byte(in))); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func FuzzAppendJSONP(f *testing.F) {
	f.Add("7", "4\u2028\xe2\x80\u2029\"")
	f.Fuzz(func(t *testing.T, index, payload string) {
		got := string(AppendJSONP([]byte("\u2028"), index, []byte(payload)))
		body := got[strings.Index(got, "](")+2 : len(got)-2]
		var text string
		if err := json.Unmarshal([]byte(body), &text); err != nil || text != string([]rune(payload)) {
			t.Fatalf("%q: %q gave %q, %v", payload, got, text, err)
		}
		if strings.ContainsAny(body, "\u2028\u2029") {
			t.Fatalf("%q: %q", payload, got)
		}
	})
}
