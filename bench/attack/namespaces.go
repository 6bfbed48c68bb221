package attack

import (
	"fmt"
	"strings"
	"sync/atomic"
)

// namespaces connects to ever new dynamic namespaces, a batch at a time, and leaves them again.
func namespaces(f *Field) {
	const batch = 64 // below the number that one connection may be in
	var number atomic.Int64
	f.repeat(4, func() error {
		c, err := f.dial(0)
		if err != nil {
			return err
		}
		defer c.leave()
		if err := c.join(); err != nil {
			return err
		}
		for {
			first := number.Add(batch)
			if err := c.sayAll("40", first, batch); err != nil {
				return err
			}
			for range batch {
				answer, err := c.next()
				if err != nil {
					return err
				}
				if strings.HasPrefix(answer, "44") {
					f.count("refused", 1)
				} else {
					f.count("namespaces", 1)
				}
			}
			if err := c.sayAll("41", first, batch); err != nil {
				return err
			}
		}
	})
}

// sayAll sends a packet of the type for each of the namespaces from first on.
func (c *raw) sayAll(kind string, first int64, n int) error {
	var b []byte
	for i := range int64(n) {
		b = appendFrame(b, final|opText, fmt.Appendf(nil, "%s/dynamic-%d,", kind, first+i))
	}
	_, err := c.Write(b)
	return err
}
