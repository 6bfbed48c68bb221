package interop

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/sioserver/sioserver/eio"
	"github.com/sioserver/sioserver/sio"
	"github.com/sioserver/sioserver/sio/cluster/redisadapter"
	"github.com/sioserver/sioserver/sio/cluster/redisadapter/redistest"
)

// startForwarding starts two servers that know each other through Redis, and
// gives them with their addresses.
func startForwarding(t *testing.T, prepare func(srv *sio.Server)) (nodes [2]*sio.Server, addrs [2]string) {
	t.Helper()
	r := redistest.Start(t)
	quiet := slog.New(slog.NewTextHandler(io.Discard, nil))
	for i := range nodes {
		client, err := redisadapter.NewClient(r.URL())
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close() // the others have their own
		addrs[i] = freeAddr(t)
		directory, err := redisadapter.NewDirectory(client, redisadapter.DirectoryConfig{Addr: addrs[i], Logger: quiet})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := directory.Close(); err != nil {
				t.Error(err)
			}
		})
		streams, err := redisadapter.NewStreams(client, redisadapter.StreamsConfig{Logger: quiet})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { streams.Close() })
		cfg := sio.Config{Adapter: streams.Adapter, Forwarding: &eio.Forwarding{Directory: directory}}
		nodes[i], _ = serve(t, cfg, prepare, addrs[i])
	}
	return nodes, addrs
}

// interrupt sends requests of no client until the test ends, so that it is not
// always the same of a client's requests that come to the same server.
func interrupt(t *testing.T, url string) {
	ctx, cancel := context.WithCancel(context.Background())
	var ended sync.WaitGroup
	ended.Go(func() {
		for ctx.Err() == nil {
			r, err := http.Get(url)
			if err != nil {
				t.Error(err)
				return
			}
			_, _ = io.Copy(io.Discard, r.Body)
			r.Body.Close()
		}
	})
	t.Cleanup(func() {
		cancel()
		ended.Wait()
		http.DefaultClient.CloseIdleConnections()
	})
}

// kinds are the clients of Node.js that meet the cluster.
var kinds = map[string]map[string]any{
	"polling":   {"transports": []string{"polling"}},
	"upgrade":   {"transports": []string{"polling", "websocket"}},
	"websocket": {"transports": []string{"websocket"}},
}

// TestWithoutStickySessions puts the nginx of the docs in front of two servers,
// in turn for each request, and has stock clients of each kind exchange
// messages.
func TestWithoutStickySessions(t *testing.T) {
	for name, edit := range map[string]func(string) string{
		"connections kept":     nil,
		"connections not kept": func(config string) string { return edited(t, config, "keepalive 64;", "") },
	} {
		t.Run(name, func(t *testing.T) {
			nodes, addrs := startForwarding(t, func(srv *sio.Server) {
				sio.On(srv, "count", func(_ context.Context, s *sio.Socket, n int) error { return s.Emit("count", n) })
			})
			url := startNginx(t, addrs, edit)
			interrupt(t, url)
			node, python := newDriver(t), newPythonDriver(t)
			var all []*client
			for kind, options := range kinds {
				for i := range 4 {
					all = append(all, node.join(kind+strconv.Itoa(i), url, options))
				}
			}
			for i := range 2 {
				all = append(all, python.join("python"+strconv.Itoa(i), url, kinds["polling"]))
			}
			all = append(all, landElsewhere(t, node, url, nodes)...)

			count(t, all, 300)
			hearAll(t, all, nodes)
			var requests uint64
			for _, srv := range nodes {
				st := srv.Stats()
				f := st.Forwarding
				if st.Clients == 0 || f.Failed+f.Refused+f.Unknown+f.Aborted > 0 {
					t.Errorf("%d clients, %+v", st.Clients, f)
				}
				requests += f.Requests
			}
			if requests < 100 {
				t.Errorf("only %d requests were passed on", requests)
			}
			for _, c := range all {
				c.disconnect()
				c.expect("disconnect")
			}
		})
	}
}

// landElsewhere opens clients that upgrade until, in both directions, requests
// and upgrades have come to the other server.
func landElsewhere(t *testing.T, d *driver, url string, nodes [2]*sio.Server) (all []*client) {
	t.Helper()
	for i := range 200 {
		c := d.join("elsewhere"+strconv.Itoa(i), url, kinds["upgrade"])
		c.expectText("upgrade", "websocket")
		all = append(all, c)
		a, b := nodes[0].Stats().Forwarding, nodes[1].Stats().Forwarding
		if min(a.Requests, a.Tunnels, b.Requests, b.Tunnels) > 0 {
			return all
		}
	}
	t.Fatal("all requests or upgrades come to their own server")
	return nil
}

// count has each client send numbers and get them back, each once and in order,
// a few at a time: Python's client takes 16 packets at once. It also gives each
// event to a thread of its own, so that there the order within a few is left to
// chance.
func count(t *testing.T, all []*client, messages int) {
	t.Helper()
	const batch = 5
	for first := 0; first < messages; first += batch {
		for i := first; i < first+batch; i++ {
			for _, c := range all {
				c.emit("count", i)
			}
		}
		for _, c := range all {
			got := make([]int, batch)
			for i := range got {
				if r := c.expect("event"); r.Text != "count" || len(r.Args) != 1 || json.Unmarshal(r.Args[0], &got[i]) != nil {
					t.Fatalf("%s got %v", c.name, r)
				}
			}
			if strings.HasPrefix(c.name, "python") {
				slices.Sort(got)
			}
			for i, n := range got {
				if n != first+i {
					t.Fatalf("%s got %v, want %d and what follows", c.name, got, first)
				}
			}
		}
	}
}

// hearAll has each server emit an event to all clients. Each client gets it
// once.
func hearAll(t *testing.T, all []*client, nodes [2]*sio.Server) {
	t.Helper()
	for _, srv := range nodes {
		if err := srv.Emit("news", srv.Addr().String()); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range all {
		heard := map[string]bool{}
		for range nodes {
			var from string
			r := c.expect("event")
			if r.Text != "news" || len(r.Args) != 1 || json.Unmarshal(r.Args[0], &from) != nil {
				t.Fatalf("%s heard %v", c.name, r)
			}
			heard[from] = true
		}
		if len(heard) != len(nodes) {
			t.Errorf("%s heard %v", c.name, heard)
		}
	}
}
