package sio_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sioserver/sioserver/eio"
	"github.com/sioserver/sioserver/eio/eiotest"
	"github.com/sioserver/sioserver/loop/looptest/wait"
	"github.com/sioserver/sioserver/sio"
)

// TestFloodsOfTheLog has clients cause lines at error level as fast as they
// can: 10 with the same text pass in a second, and one more counts the others.
func TestFloodsOfTheLog(t *testing.T) {
	const times = 300
	event := func(name string) func(t *testing.T, addr string) {
		return func(t *testing.T, addr string) {
			c := eiotest.Dial(t, addr, "/socket.io/?EIO=4&transport=websocket")
			c.Next()
			c.Text("40")
			c.Next()
			for range times {
				c.Text(fmt.Sprintf(`42["%s",1]`, name))
			}
		}
	}
	request := func(query string) func(t *testing.T, addr string) {
		return func(t *testing.T, addr string) {
			for range times {
				eiotest.Get(t, "http://"+addr+"/socket.io/?EIO=4&transport=polling"+query)
			}
		}
	}
	for _, tc := range []struct {
		name, message string
		flood         func(t *testing.T, addr string)
	}{
		{"handlers that panic", "sio: handler panicked", event("panic")},
		{"inline handlers that panic", "sio: handler panicked", event("inline")},
		{"hooks that panic", "sio: hook panicked", event("fail")},
		{"AllowRequest", "eio: a callback failed", request("&panic=1")},
		{"OnConnectionError", "eio: a callback failed", request("&sid=none")},
	} {
		t.Run(tc.name, func(t *testing.T) {
			log := new(wholeLog)
			f := serve(t, sio.Config{
				Logger:  slog.New(slog.NewTextHandler(log, nil)),
				OnError: func(*sio.Socket, string, error) { panic("OnError") },
				AllowRequest: func(r *http.Request) error {
					if r.URL.Query().Has("panic") {
						panic("AllowRequest")
					}
					return nil
				},
				OnConnectionError: func(e *eio.ConnectionError) {
					if e.Code == 1 {
						panic("OnConnectionError")
					}
				},
			}, func(f *fixture) {
				f.On("panic", func(context.Context, *sio.Event) error { panic("handler") })
				f.On("inline", func(context.Context, *sio.Event) error { panic("handler") }, sio.Inline())
				sio.On(f.Server, "fail", func(context.Context, *sio.Socket, string) error { return nil })
			})
			began := time.Now()
			tc.flood(t, f.addr)
			passed, more := 0, 0
			wait.Until(t, "all are logged or counted", func() bool {
				passed, more = 0, 0
				for line := range strings.Lines(log.String()) {
					if !strings.Contains(line, `msg="`+tc.message+`"`) {
						continue
					}
					if m := regexp.MustCompile(` more=(\d+)$`).FindStringSubmatch(strings.TrimSpace(line)); m != nil {
						n, _ := strconv.Atoi(m[1])
						more += n
						continue
					}
					passed++
				}
				return passed+more == times
			})
			if most := 10 * (2 + int(time.Since(began)/time.Second)); passed > most {
				t.Errorf("%d lines passed, %d were counted", passed, more)
			}
		})
	}
}
