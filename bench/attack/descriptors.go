//go:build linux

package attack

import "time"

// descriptors takes all descriptors of the server's process again and again,
// while clients come.
func descriptors(f *Field) {
	const taken, free = time.Second, 300 * time.Millisecond
	f.wg.Go(func() {
		for f.remaining() > taken && f.ctx.Err() == nil {
			if err := f.target.Exhaust(taken); err != nil {
				f.count(countFailed, 1)
				return
			}
			f.count("exhausted", 1)
			f.sleep(taken + free)
		}
	})
	f.onEach(4, 0, func(c *raw) error {
		_ = c.SetReadDeadline(time.Now().Add(taken))
		if err := c.join(); err != nil {
			return err
		}
		f.count("joined", 1)
		f.sleep(pause)
		return nil
	})
}
