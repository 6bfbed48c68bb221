package interop

import (
	"encoding/json"
	"strings"
	"testing"
)

// refusal gives what the demo complains about in an acknowledgement.
func refusal(t *testing.T, reply []json.RawMessage) string {
	t.Helper()
	var r struct{ Error string }
	if len(reply) != 1 || json.Unmarshal(reply[0], &r) != nil {
		t.Fatalf("acknowledged with %s", reply)
	}
	return r.Error
}

// TestDemoLimits meets the chat with a client that ignores the page's limits.
func TestDemoLimits(t *testing.T) {
	d := newDriver(t)
	server := startProgram(t, build(t), "127.0.0.1:0")
	defer server.stop(t)
	chat := server.url + "chat"
	as := func(name any) map[string]any { return map[string]any{"auth": map[string]any{"name": name}} }

	d.open("nameless", chat, nil).expectText("connect_error", "A name has 1 to 24 characters.")
	d.open("long", chat, as(strings.Repeat("x", 25))).expectText("connect_error", "A name has 1 to 24 characters.")
	d.open("number", chat, as(5)).expectText("connect_error", "A name has 1 to 24 characters.")

	eve := d.join("eve", chat, as("Eve"))
	for _, c := range []struct {
		event string
		arg   any
		want  string
	}{
		{"say", map[string]any{"text": "hello?"}, "Enter a room first."},
		{"enter", map[string]any{"room": "<script>"}, "A room’s name has 1 to 24 letters, digits, hyphens or underscores."},
		{"enter", map[string]any{"room": "lobby"}, ""},
		{"say", map[string]any{"text": strings.Repeat("x", 501)}, "A message has 1 to 500 characters on 25 lines at most."},
		{"say", map[string]any{"text": " \u202e\n"}, "A message has 1 to 500 characters on 25 lines at most."},
		{"rename", map[string]any{"name": "\u0000"}, "A name has 1 to 24 characters."},
	} {
		if got := refusal(t, eve.ask(c.event, c.arg)); got != c.want {
			t.Errorf("%s %v: %q, want %q", c.event, c.arg, got, c.want)
		}
	}

	// A burst of messages ends in complaints, and none of those is sent on.
	bob := d.join("bob", chat, as("Bob"))
	if got := refusal(t, bob.ask("enter", map[string]any{"room": "lobby"})); got != "" {
		t.Fatal(got)
	}
	said := 0
	for refused := false; !refused && said < 1000; {
		if got := refusal(t, eve.ask("say", map[string]any{"text": "again"})); got == "" {
			said++
		} else if refused = true; got != "Not so fast: wait a moment." {
			t.Errorf("refused with %q", got)
		}
	}
	if said < 8 || said == 1000 {
		t.Errorf("%d messages were let through", said)
	}
	eve.disconnect()
	for heard := 0; ; {
		switch r := bob.expect("event"); r.Text {
		case "message":
			heard++
			continue
		case "left":
			if heard != said {
				t.Errorf("%d messages were heard, %d let through", heard, said)
			}
			return
		}
	}
}
