package redisadapter

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/sioserver/sioserver/eio/eiotest"
)

// person is a client of a server. It acknowledges events with its
// name, and notes each event as JSON, the bytes of attachments behind it.
type person struct {
	name string
	id   string
	came chan string
}

func newPerson(t testing.TB, addr, name string) *person {
	t.Helper()
	conn := eiotest.Dial(t, addr, "/socket.io/?EIO=4&transport=websocket")
	conn.Text("40")
	p := &person{name: name, came: make(chan string, 1000)}
	for p.id == "" {
		if text, ok := strings.CutPrefix(string(conn.Next().Payload), "40"); ok {
			var reply struct{ SID string }
			if err := json.Unmarshal([]byte(text), &reply); err != nil {
				t.Fatal(err)
			}
			p.id = reply.SID
		}
	}
	go p.read(conn)
	return p
}

func (p *person) read(conn *eiotest.Conn) {
	defer close(p.came)
	event, attachments := "", 0
	for {
		frame, err := conn.ReadFrame()
		if err != nil {
			return
		}
		text := string(frame.Payload)
		switch {
		case frame.Opcode() == eiotest.OpBinary:
			if event += fmt.Sprintf(" %x", frame.Payload); attachments > 1 {
				attachments--
				continue
			}
			p.came <- event
		case text == "2":
			conn.Text("3")
		case text == "41":
			return
		case strings.HasPrefix(text, "45"):
			if _, err := fmt.Sscanf(text, "45%d-", &attachments); err != nil {
				return
			}
			_, event, _ = strings.Cut(text, "-")
		case strings.HasPrefix(text, "42"):
			list := strings.IndexByte(text, '[')
			if id := text[2:list]; id != "" {
				conn.Text(fmt.Sprintf("43%s[%q]", id, p.name))
			}
			p.came <- text[list:]
		}
	}
}
