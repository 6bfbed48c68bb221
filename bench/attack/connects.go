//go:build linux

package attack

import (
	"errors"
	"math/rand/v2"
	"strings"
)

const (
	connectors = 42
	keepers    = 400 // connections that keep large authentication data
)

// connects sends what a client asks a namespace for: in floods, for namespaces
// that can't be, with authentication data as large as a message, and in forms
// that are not valid.
func connects(f *Field) {
	ways := []func(*raw) error{again, strange, broken}
	for _, way := range ways {
		f.onEach(connectors/len(ways), 0, func(c *raw) error {
			if err := c.webSocket(false); err != nil {
				return err
			}
			return way(c)
		})
	}
	auth := `40{"token":"` + strings.Repeat("x", megabyte-100) + `"}`
	f.onEachHeld(keepers, 0, func(c *raw) error {
		if err := c.webSocket(false); err != nil {
			return err
		}
		if err := c.say(auth); err != nil {
			return err
		}
		answer, err := c.next()
		if err != nil {
			return err
		}
		if strings.HasPrefix(answer, "44") {
			f.count("refused", 1)
			return errors.New(answer)
		}
		f.count("kept", 1)
		return c.chatter()
	})
}

// again connects the main namespace, and leaves it as soon as it is in.
func again(c *raw) error {
	if err := c.say("40"); err != nil {
		return err
	}
	pair := appendFrame(appendFrame(nil, final|opText, []byte("41")), final|opText, []byte("40"))
	for {
		if _, err := c.next(); err != nil {
			return err
		}
		c.f.count("connects", 1)
		if _, err := c.Write(pair); err != nil {
			return err
		}
	}
}

// strange asks for namespaces that do not exist, some with names as long as a
// message.
func strange(c *raw) error {
	long := strings.Repeat("n", megabyte/10)
	for {
		for _, name := range []string{"/nothing", "/\x00\x7f", "/" + long, "/../..", "/ü?token=1", "nothing", "/" + strings.Repeat("/", 1000)} {
			if err := c.say("40" + name + ","); err != nil {
				return err
			}
			if _, err := c.next(); err != nil {
				return err
			}
			c.f.count("strange", 1)
		}
	}
}

// broken sends one packet, of which most are no valid CONNECT.
func broken(c *raw) error {
	deep := strings.Repeat(`{"a":`, 100_000)
	forms := []string{"40[1]", `40"text"`, "40{", "40nul", `40{"a":1`, "40" + deep, `40/nothing`, "40/nothing,{", "4099", "40\xff"}
	if err := c.say(forms[rand.IntN(len(forms))]); err != nil {
		return err
	}
	c.f.count("broken", 1)
	_, err := c.next()
	return err
}
