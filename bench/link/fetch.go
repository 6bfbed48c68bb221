//go:build linux

package link

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// fetch asks one server for the sockets of another, whose descriptions are
// large, while plain events go from that one to a third.
var fetch = Case{Name: "fetch", Needs: []string{"clients"}, nodes: 3, args: func(s Settings) []string {
	return []string{"-data", strconv.Itoa(s.Bytes)}
}, try: func(t *trial) error {
	a, b, c := t.nodes[0], t.nodes[1], t.nodes[2]
	auth := ""
	if t.Auth > 0 {
		auth = `{"auth":"` + strings.Repeat("x", t.Auth) + `"}`
	}
	t.progress("clients connect")
	refused := t.dialAll(b, t.Clients, auth)
	want := len(t.clients)
	if refused != nil && t.Auth == 0 {
		return refused
	}
	t.progress("sockets are fetched")
	beside := &sent{stream: "plain", at: []*node{a, c}}
	end := t.trickle(b, beside)
	time.Sleep(time.Second)
	got, err := t.order(a, "fetch")
	if err == nil {
		time.Sleep(time.Second)
	}
	if ended := end(); err == nil {
		err = ended
	}
	if err == nil {
		err = t.arrive(beside)
	}
	t.Figures["fetched"], t.Figures["sockets"], t.Figures["fetch_s"] = float64(got.Count), float64(want), got.Seconds
	arrived := c.watcher.tally(beside.stream).arrived
	t.Shown = fmt.Sprintf("%d of %d sockets in %.1f s; beside them %d of %d", got.Count, want, got.Seconds, arrived, beside.count)
	if got.Count != want {
		t.wrong("%d of %d sockets are fetched, the error is %q", got.Count, want, got.Error)
	}
	t.judge(beside)
	t.connected()
	return err
}}
