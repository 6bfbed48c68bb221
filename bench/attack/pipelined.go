//go:build linux

package attack

import (
	"io"
	"strings"
)

// pipelined sends requests one behind the other and reads no answer. A third of
// the connections each asks for sessions, for a transport that the engine
// refuses, and for what is outside its path.
func pipelined(f *Field) {
	const batch = 64
	for _, target := range []string{path + "polling", path + "smoke", "/elsewhere"} {
		requests := strings.Repeat("GET "+target+" HTTP/1.1\r\nHost: "+f.target.Addr+"\r\n\r\n", batch)
		f.onEachHeld(20, 4<<10, func(c *raw) error {
			for {
				n, err := io.WriteString(c, requests)
				f.count("bytes", n)
				if err != nil {
					return err
				}
			}
		})
	}
}
