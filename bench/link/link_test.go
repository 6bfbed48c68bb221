//go:build linux

package link

import (
	"bytes"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/sioserver/sioserver/bench/peer"
)

func got(numbers ...int) *client {
	c := &client{arrivals: map[string][]arrival{}}
	for _, n := range numbers {
		c.event(fmt.Appendf(nil, `["m","s",%d,%d,"xxx"]`, n, 1000+n))
	}
	return c
}

func TestTally(t *testing.T) {
	for _, tc := range []struct {
		numbers []int
		want    tally
	}{
		{nil, tally{}},
		{[]int{0, 1, 2}, tally{arrived: 3}},
		{[]int{0, 2, 5}, tally{arrived: 3}},
		{[]int{0, 2, 1, 3}, tally{arrived: 4, disordered: 1}},
		{[]int{3, 0, 1, 2}, tally{arrived: 4, disordered: 3}},
		{[]int{0, 1, 1, 0, 2}, tally{arrived: 3, doubled: 2}},
	} {
		is := got(tc.numbers...).tally("s")
		is.last, is.seen = time.Time{}, nil
		if !reflect.DeepEqual(is, tc.want) {
			t.Errorf("%v: %+v, want %+v", tc.numbers, is, tc.want)
		}
	}
}

func TestAnEventsOffset(t *testing.T) {
	for _, tc := range []struct{ args, want string }{
		{`["m","s",7,1000,""]`, ""},
		{`["m","s",7,1000,"xxx"]`, ""},
		{`["m","s",7,1000,"xxx","1700-3"]`, "1700-3"},
		{`["m","s",7,1000,"","1700-3"]`, "1700-3"},
		{`["other","1700-3"]`, ""},
	} {
		c := got()
		c.event([]byte(tc.args))
		if c.offset != tc.want {
			t.Errorf("%s: offset %q, want %q", tc.args, c.offset, tc.want)
		}
	}
}

func TestLive(t *testing.T) {
	c := got(0, 1, 2)
	if after, ok := c.live("s", time.UnixMilli(1000)); !ok || c.got("s")[1].at.Sub(time.UnixMilli(1000)) != after {
		t.Errorf("%v, %v", after, ok)
	}
	if _, ok := c.live("s", time.UnixMilli(1002)); ok {
		t.Error("the last event was sent before")
	}
}

// trialOf is a trial whose one server counts what is given, and whose client
// has got what is given.
func trialOf(first map[string]float64, watcher *client) *trial {
	n := &node{Process: &peer.Process{Peer: &peer.Peer{}}, watcher: watcher, first: first}
	return &trial{Outcome: Outcome{Figures: map[string]float64{}}, cluster: &cluster{nodes: []*node{n}}}
}

func TestCounted(t *testing.T) {
	for _, tc := range []struct {
		streams bool
		moved   map[string]float64
		count   int
		told    bool
	}{
		{false, map[string]float64{"Cluster.Lost": 3, "Cluster.Published": 10, "Lost": 7}, 3, false},
		{false, map[string]float64{"Cluster.Lost": 3, "Cluster.Nodes.Dropped": 2, "Cluster.Nodes.Lost": 3, "Cluster.Disconnects": 1}, 5, true},
		{true, map[string]float64{"Cluster.Lost": 1, "Cluster.Channels.Disconnects": 1}, 0, false},
		{true, map[string]float64{"Cluster.Dropped": 4, "Cluster.Channels.Lost": 2}, 6, false},
		{true, map[string]float64{"Cluster.Gaps": 1}, 0, true},
	} {
		c := cluster{streams: tc.streams}
		if count, told := c.counted(tc.moved); count != tc.count || told != tc.told {
			t.Errorf("%v: %d, %v", tc.moved, count, told)
		}
	}
}

// TestJudge has every check fail.
func TestJudge(t *testing.T) {
	for _, tc := range []struct {
		name    string
		numbers []int
		want    []string
	}{
		{"all", []int{0, 1, 2, 3}, nil},
		{"late", []int{0, 2, 1, 3}, []string{`1 of 4 events "s" came behind later ones at server a`}},
		{"twice", []int{0, 1, 2, 2, 3}, []string{`1 events "s" came twice at server a`}},
		{"missing", []int{0, 3}, []string{"2 events are missing, and 0 are counted"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			one := trialOf(nil, got(tc.numbers...))
			one.judge(&sent{stream: "s", count: 4, at: one.nodes})
			var wrong []string
			for _, err := range one.Wrong {
				wrong = append(wrong, err.Error())
			}
			if !slices.Equal(wrong, tc.want) {
				t.Errorf("%q, want %q", wrong, tc.want)
			}
		})
	}
}

func TestNames(t *testing.T) {
	for _, name := range Names() {
		if c, err := Find(name); err != nil || c.Name != name || c.nodes < 2 || c.try == nil {
			t.Errorf("%s: %+v, %v", name, c, err)
		}
	}
	if _, err := Find("smoke"); err == nil || !bytes.Contains([]byte(err.Error()), []byte("smoke")) {
		t.Errorf("%v", err)
	}
}
