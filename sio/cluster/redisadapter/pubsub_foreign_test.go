package redisadapter

import (
	"encoding/json"
	"fmt"
	"reflect"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/sioserver/sioserver/loop/looptest/wait"
	"github.com/sioserver/sioserver/sio/cluster/redisadapter/redistest"
)

// listener gets the messages of all channels.
type listener <-chan *redis.Message

func newListener(t testing.TB, r *redistest.Server) listener {
	t.Helper()
	s := r.Client.PSubscribe(t.Context(), "*")
	t.Cleanup(func() { s.Close() })
	if _, err := s.Receive(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s.Channel()
}

// wants waits for JSON on a channel, after anything on others.
func (l listener) wants(t testing.TB, channel, want string) {
	t.Helper()
	var expected, got any
	if err := json.Unmarshal([]byte(want), &expected); err != nil {
		t.Fatal(err)
	}
	for {
		m := wait.For(t, fmt.Sprintf("%s on %s", want, channel), l)
		if m.Channel != channel {
			continue
		}
		if err := json.Unmarshal([]byte(m.Payload), &got); err != nil || !reflect.DeepEqual(got, expected) {
			t.Fatalf("%s on %s, want %s", m.Payload, channel, want)
		}
		return
	}
}

// TestPubSubForeigners has emitters and older versions of the reference speak
// to a server.
func TestPubSubForeigners(t *testing.T) {
	for name, own := range map[string]string{"pubsub": "socket.io-response#/#", "pubsub, specific responses": "k*-response#/#old#"} {
		t.Run(name, func(t *testing.T) {
			r := redistest.Start(t)
			a := newHost(t, r.Client, connectors[name])
			x := newPerson(t, a.Addr().String(), "x")
			meet(t, a)
			key := "socket.io"
			if name != "pubsub" {
				key = "k*"
			}
			says := func(channel, payload string) {
				t.Helper()
				if n, err := r.Client.Publish(t.Context(), key+channel, payload).Result(); n == 0 || err != nil {
					t.Fatalf("%s has %d listeners, %v", channel, n, err)
				}
			}
			heard := newListener(t, r)

			says("#/#", packed(t, `["emitter",{"type":2,"data":["all",1],"nsp":"/"},{"rooms":[],"flags":{},"except":[]}]`))
			says("#/#"+x.id+"#", packed(t, `["emitter",{"type":2,"data":["one"]},{"rooms":["`+x.id+`"]}]`))
			says("#/#", packed(t, `["`+a.node().UID()+`",{"type":2,"data":["echo"],"nsp":"/"},{"rooms":[]}]`))
			says("#/#", packed(t, `["emitter",{"type":2,"data":["elsewhere"],"nsp":"/b"},{"rooms":[]}]`))
			says("#/#", packed(t, `["emitter",{"type":2,"data":["not x"],"nsp":"/"},{"except":["`+x.id+`"]}]`))
			x.wants(t, `["all",1]`, `["one"]`)

			says("-request#/#", `{"type":2,"opts":{"rooms":["`+x.id+`"],"except":[]},"rooms":["b","7"]}`)
			says("-request#/#", `{"uid":"old","requestId":"1","type":2,"sid":"`+x.id+`","room":"c"}`)
			heard.wants(t, own, `{"requestId":"1"}`)
			says("-request#/#", `{"uid":"old","requestId":"2","type":3,"sid":"`+x.id+`","room":"b"}`)
			heard.wants(t, own, `{"requestId":"2"}`)
			if a.Count("7") != 1 || a.Count("c") != 1 || a.Count("b") != 0 {
				t.Errorf("%d in 7, %d in c, %d in b", a.Count("7"), a.Count("c"), a.Count("b"))
			}
			says("#/#7#", packed(t, `["emitter",{"type":2,"data":["seven"]},{"rooms":[7]}]`))
			x.wants(t, `["seven"]`)
			says("-request#/#", `{"uid":"old","requestId":"3","type":0,"rooms":["c"]}`)
			heard.wants(t, own, `{"requestId":"3","sockets":["`+x.id+`"]}`)
			says("-request#/#", `{"uid":"old","requestId":"4","type":0,"rooms":["nobody"]}`)
			heard.wants(t, own, `{"requestId":"4","sockets":[]}`)
			says("-request#/#", `{"uid":"old","requestId":"5","type":2,"sid":"elsewhere","room":"c"}`)
			says("-request#/#", `{"uid":"old","requestId":"6","type":5,"opts":{"rooms":["c"]},"count":true}`)
			heard.wants(t, own, `{"requestId":"6","sockets":[],"clientCount":1}`) // and nothing to 5

			says("-request#/#", `{"uid":"old","requestId":"7","type":1}`)
			rooms, err := json.Marshal([]string{x.id, "7", "c"})
			if err != nil {
				t.Fatal(err)
			}
			for {
				m := <-heard
				var answer struct {
					RequestID string
					Rooms     []string
				}
				if m.Channel != own || json.Unmarshal([]byte(m.Payload), &answer) != nil || answer.RequestID != "7" {
					continue
				}
				has := make(map[string]bool)
				for _, room := range answer.Rooms {
					has[room] = true
				}
				if len(answer.Rooms) != 3 || !has[x.id] || !has["7"] || !has["c"] {
					t.Errorf("all rooms are %v, want %s", answer.Rooms, rooms)
				}
				break
			}

			says("-request#/#", `{"uid":"old","requestId":"8","type":4,"sid":"`+x.id+`","close":true}`)
			heard.wants(t, own, `{"requestId":"8"}`)
			if _, open := <-x.came; open {
				t.Error("x is still connected")
			}
			if s := a.connector.Stats(); s.Invalid != 0 || s.Dropped != 0 {
				t.Errorf("%+v", s)
			}
		})
	}
}
