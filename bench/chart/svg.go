//go:build linux

package chart

import (
	"encoding/xml"
	"fmt"
	"image/color"
	"io"
	"strings"
)

// EncodeSVG writes the scene as a self-contained SVG file.
func (s *Scene) EncodeSVG(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%g" height="%g" viewBox="0 0 %g %g" font-family="Go, 'Segoe UI', Helvetica, Arial, sans-serif">`+"\n",
		s.width, s.height, s.width, s.height)
	fmt.Fprintf(&b, `<rect width="%g" height="%g" fill="%s"/>`+"\n", s.width, s.height, hex(white))
	for _, it := range s.items {
		switch it := it.(type) {
		case line:
			svgLine(&b, it)
		case box:
			fmt.Fprintf(&b, `<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" fill="%s"/>`+"\n", it.x, it.y, it.w, it.h, hex(it.color))
		case mark:
			svgMark(&b, it)
		case label:
			svgLabel(&b, it)
		}
	}
	b.WriteString("</svg>\n")
	_, err := io.WriteString(w, b.String())
	return err
}

func hex(c color.RGBA) string { return fmt.Sprintf("#%02x%02x%02x", c.R, c.G, c.B) }

func svgLine(b *strings.Builder, l line) {
	b.WriteString(`<polyline fill="none" stroke-linejoin="round" stroke-linecap="round" points="`)
	for i, p := range l.points {
		if i > 0 {
			b.WriteByte(' ')
		}
		fmt.Fprintf(b, "%.1f,%.1f", p.x, p.y)
	}
	fmt.Fprintf(b, `" stroke="%s" stroke-width="%g"`, hex(l.color), l.width)
	if l.dash {
		fmt.Fprintf(b, ` stroke-dasharray="%d %d"`, dashOn, dashOff)
	}
	b.WriteString("/>\n")
}

func svgMark(b *strings.Builder, m mark) {
	fill := hex(m.color)
	if m.hollow {
		fill = hex(white)
	}
	style := fmt.Sprintf(`fill="%s" stroke="%s" stroke-width="%g"`, fill, hex(m.color), markStroke)
	x, y, r := m.at.x, m.at.y, m.radius
	if m.shape == disc {
		fmt.Fprintf(b, `<circle cx="%.1f" cy="%.1f" r="%g" %s/>`+"\n", x, y, r, style)
		return
	}
	fmt.Fprintf(b, `<polygon points="%.1f,%.1f %.1f,%.1f %.1f,%.1f %.1f,%.1f" %s/>`+"\n", x, y-r, x+r, y, x, y+r, x-r, y, style)
}

func svgLabel(b *strings.Builder, l label) {
	fmt.Fprintf(b, `<text x="%.1f" y="%.1f" font-size="%g" fill="%s"`, l.at.x, l.at.y, l.size, hex(l.color))
	switch l.anchor {
	case middle:
		b.WriteString(` text-anchor="middle"`)
	case right:
		b.WriteString(` text-anchor="end"`)
	}
	if l.bold {
		b.WriteString(` font-weight="bold"`)
	}
	if l.turned {
		fmt.Fprintf(b, ` transform="rotate(-90 %.1f %.1f)"`, l.at.x, l.at.y)
	}
	b.WriteByte('>')
	_ = xml.EscapeText(b, []byte(l.text)) // a strings.Builder takes everything
	b.WriteString("</text>\n")
}
