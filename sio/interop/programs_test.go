package interop

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sioserver/sioserver/loop/looptest/wait"
	"github.com/sioserver/sioserver/sio/cluster/redisadapter/redistest"
)

// TestProgramsBehindNginx runs sioserver twice, as the docs do, kills one of
// the two, and wants all clients to go on with the other.
func TestProgramsBehindNginx(t *testing.T) {
	program := build(t)
	for _, kind := range []string{"pubsub", "sharded", "streams"} {
		t.Run(kind, func(t *testing.T) {
			r := redistest.Start(t)
			var servers [2]*server
			var addrs [2]string
			for i := range servers {
				addrs[i] = freeAddr(t)
				servers[i] = startProgram(t, program, addrs[i], "-redis", r.URL(), "-adapter", kind, "-advertise", addrs[i])
			}
			defer servers[1].stop(t)
			killed := false
			kill := func() {
				_ = servers[0].process.Process.Kill()
				_ = servers[0].process.Wait()
				killed = true
			}
			defer func() {
				if !killed {
					kill()
				}
			}()
			url := startNginx(t, addrs, nil)
			interrupt(t, url)
			d := newDriver(t)
			var all []*client
			for name, options := range kinds {
				for i := range 4 {
					own := map[string]any{"auth": map[string]any{"name": name}}
					for k, v := range options {
						own[k] = v
					}
					all = append(all, d.join(name+strconv.Itoa(i), url+"/chat", own))
				}
			}
			untilConnected(t, all)
			chat(t, all, "through both")
			kill()
			chat(t, all, "through one")
			if n := r.Client.HLen(t.Context(), "sioserver:nodes").Val(); n > 2 {
				t.Errorf("%d nodes are listed", n)
			}
		})
	}
}

// hail is the prefix of messages that are sent before the servers are known to
// be connected.
const hail = "hello? "

// untilConnected waits until what one client says comes to all others: servers
// join their cluster in the background.
func untilConnected(t *testing.T, all []*client) {
	t.Helper()
	for _, c := range all {
		c.insist("enter", map[string]any{"room": "lobby"})
	}
	wait.Until(t, "the servers are connected", func() bool {
		all[0].insist("say", map[string]any{"text": hail})
		heard := true
		for _, c := range all[1:] {
			for heard {
				r, ok := c.await("event", 500*time.Millisecond)
				if heard = ok; r.Text == "message" {
					break
				}
			}
		}
		return heard
	})
}

// chat has all clients enter a room, and each say something that all others
// hear.
func chat(t *testing.T, all []*client, text string) {
	t.Helper()
	for _, c := range all {
		c.insist("enter", map[string]any{"room": "lobby"})
	}
	for _, from := range all {
		said := text + " from " + from.name
		if got := refusal(t, from.ask("say", map[string]any{"text": said})); got != "" {
			t.Fatalf("%s: %s", from.name, got)
		}
		for _, c := range all {
			if c != from {
				c.expectMessage(said)
			}
		}
	}
}

// insist asks until there is an answer without a complaint: what is sent to a
// server that is killed gets none.
func (c *client) insist(event string, args ...any) {
	c.t.Helper()
	wait.UntilWithin(c.t, 2*wait.Patience, "client "+c.name+" gets an answer to "+event, func() bool {
		c.asked++
		id := strconv.Itoa(c.asked)
		c.tell(command{Do: "ask", Client: c.name, Event: event, Args: args, ID: id})
		r, ok := c.await("reply "+id, time.Second)
		return ok && refusal(c.t, r.Args) == ""
	})
}

// expectMessage passes over the client's events until one is a message with the
// text.
func (c *client) expectMessage(text string) {
	c.t.Helper()
	for {
		r := c.expect("event")
		if r.Text != "message" || len(r.Args) != 2 {
			continue
		}
		var m struct{ Text string }
		if err := json.Unmarshal(r.Args[1], &m); err != nil {
			c.t.Fatal(err)
		}
		if m.Text == text {
			return
		}
		if strings.HasPrefix(m.Text, hail) {
			continue
		}
		c.t.Fatalf("client %s: heard %q, want %q", c.name, m.Text, text)
	}
}
