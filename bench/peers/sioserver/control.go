//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/sioserver/sioserver/sio"
)

// control lets the harness use the server as an application does. Each order is
// a request of its own, to a server of net/http, so that many are under way at
// the same time and none of them waits for the server's loops.
type control struct {
	server *sio.Server
	addr   string // host:port
}

// outcome answers an order: what was done, and how it ended.
type outcome struct {
	Count   int     `json:"count"`   // emitted, fetched or acknowledged
	Missing int     `json:"missing"` // acknowledgements or servers, as the error says
	Refused int     `json:"refused"` // emits that returned an error
	Error   string  `json:"error"`   // the last
	Seconds float64 `json:"seconds"`
}

func (o *outcome) fail(err error) {
	if err != nil {
		o.Error = err.Error()
	}
}

// startControl serves until the process ends.
func startControl(server *sio.Server) (*control, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	c := &control{server: server, addr: listener.Addr().String()}
	mux := http.NewServeMux()
	for name, order := range map[string]func(context.Context, url.Values) outcome{
		"emit": c.emit, "rooms": c.rooms, "fetch": c.fetch, "ack": c.ack, "join": c.join,
	} {
		mux.HandleFunc("/"+name, func(w http.ResponseWriter, r *http.Request) {
			began := time.Now()
			done := order(r.Context(), r.URL.Query())
			done.Seconds = time.Since(began).Seconds()
			json.NewEncoder(w).Encode(done)
		})
	}
	go func() { _ = http.Serve(listener, mux) }()
	return c, nil
}

// number is a parameter of an order; 0 when it is absent.
func number(of url.Values, name string) int {
	n, _ := strconv.Atoi(of.Get(name))
	return n
}

// to is the recipients of an order: a room, or all clients.
func (c *control) to(of url.Values) sio.BroadcastOperator {
	if room := of.Get("room"); room != "" {
		return c.server.To(room)
	}
	return c.server.To()
}

// emit emits events of a stream, one every so many microseconds. Their
// arguments are the stream's name, a number from first on (a refused emit uses
// up none), the time in milliseconds since 1970, and the bytes (every small-th
// event has none).
func (c *control) emit(ctx context.Context, of url.Values) (done outcome) {
	to, stream, first, count := c.to(of), of.Get("stream"), number(of, "first"), number(of, "count")
	every := time.Duration(number(of, "every")) * time.Microsecond
	fill, small := strings.Repeat("x", number(of, "bytes")), number(of, "small")
	due := time.Now()
	for i := range count {
		with := fill
		if small > 0 && i%small == small-1 {
			with = ""
		}
		if err := to.Emit("m", stream, first+done.Count, time.Now().UnixMilli(), with); err != nil {
			done.Refused++
			done.fail(err)
		} else {
			done.Count++
		}
		if every == 0 {
			continue
		}
		due = due.Add(every)
		select {
		case <-time.After(time.Until(due)):
		case <-ctx.Done():
			done.fail(ctx.Err())
			return done
		}
	}
	return done
}

// rooms emits one event to each of count rooms, r0, r(step), …
func (c *control) rooms(_ context.Context, of url.Values) (done outcome) {
	stream, step := of.Get("stream"), number(of, "step")
	for i := range number(of, "count") {
		if err := c.server.To("r"+strconv.Itoa(i*step)).Emit("m", stream, i, time.Now().UnixMilli(), ""); err != nil {
			done.Refused++
			done.fail(err)
		} else {
			done.Count++
		}
	}
	return done
}

// join spreads rooms r0 to r(count-1) over the server's own sockets.
func (c *control) join(_ context.Context, of url.Values) (done outcome) {
	sockets, count := c.server.Sockets(), number(of, "count")
	var rooms []string
	for i, s := range sockets {
		rooms = rooms[:0]
		for room := count * i / len(sockets); room < count*(i+1)/len(sockets); room++ {
			rooms = append(rooms, "r"+strconv.Itoa(room))
		}
		if err := s.Join(rooms...); err != nil {
			done.fail(err)
			return done
		}
		done.Count += len(rooms)
	}
	return done
}

// fetch asks all servers for their sockets, without a deadline of its own.
func (c *control) fetch(ctx context.Context, _ url.Values) (done outcome) {
	sockets, err := c.server.FetchSockets(ctx)
	done.fail(err)
	done.Count = len(sockets)
	if servers := new(sio.ServersError); errors.As(err, &servers) {
		done.Missing = max(1, servers.Asked-servers.Answered)
	}
	return done
}

// ack asks all clients for acknowledgements, count times at once, and waits
// patience milliseconds for them.
func (c *control) ack(ctx context.Context, of url.Values) (done outcome) {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(number(of, "patience"))*time.Millisecond)
	defer cancel()
	var mu sync.Mutex
	var asked sync.WaitGroup
	for i := range number(of, "count") {
		asked.Go(func() {
			answers, err := c.to(of).EmitAck(ctx, "ask", i)
			mu.Lock()
			defer mu.Unlock()
			done.fail(err)
			if partial := new(sio.AckError); errors.As(err, &partial) {
				answers = partial.Responses
				done.Missing += partial.Missing
			}
			done.Count += len(answers)
		})
	}
	asked.Wait()
	return done
}
