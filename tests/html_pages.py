"""HTML pages after those of site generators, blogs, forums, wikis, shops and applications.

In each, what a reader of the page sees is in small letters; what leads through the site, is a control, is hidden or
repeats what stands beside it is in CAPITALS. Labels of tabs and panels that a click shows are text of the page.
"""

LOREM = "the mill stands by the river and grinds rye for the whole valley since the old bridge fell"

_NAV = "<nav><ul><li><a href=/>HOME</a><li><a href=/about>ABOUT</a></ul></nav>"
_FOOTER = "<footer><p>COPYRIGHT 2024 EXAMPLE LTD</p><a href=/imprint>IMPRINT</a></footer>"

PAGES = {
    "a blog whose only article is a comment": (
        f"{_NAV}<div class=entry><h1>opening hours</h1><p>the library opens at nine and closes at six</p></div>"
        "<h2>comments</h2><ol><li><article class=comment><footer>ann says</footer><p>thanks</p></article></ol>"
        f"{_FOOTER}"
    ),
    "a title and a lead in a header": (
        "<div class=page><header class=post-header><h1>sourdough from rye</h1><p class=lead>a starter lives ten days"
        f"</p>{_NAV}</header><div><p>mix and wait</p></div></div>"
    ),
    "a title above the article": (
        "<header class=site><a href=/>EXAMPLE TIMES</a><ul><li><a href=/news>NEWS</a><li><a href=/sport>SPORT</a></ul>"
        f"</header><div class=top><header><h1>the mill is sold</h1><p>by ann</p></header></div><article><p>{LOREM}</p>"
        f"</article><aside class=sidebar><h3>MOST READ</h3><ol><li><a href=/a>STORM</a></ol></aside>{_FOOTER}"
    ),
    "a paper with its abstract in a header": (
        "<header><h1>on grinding rye</h1><ul class=authors><li><a href=/ann>ann</a><li><a href=/bob>bob</a></ul>"
        f"<div class=abstract><h2>abstract</h2><p>we grind rye</p></div></header><section><p>{LOREM}</p></section>"
    ),
    "a site's header with the name of the site": (
        "<header><h1><a href=https://example.org/>EXAMPLE</a></h1><p>JUST ANOTHER SITE</p></header>"
        f"<div><h1>rye</h1><p>{LOREM}</p></div>"
    ),
    "a hidden main first": (
        "<main hidden><h1>LOADING</h1><p>PLEASE WAIT</p></main><main style='display: none'>OFFLINE</main>"
        f"<main><h1>bicycles</h1><p>{LOREM}</p></main>"
    ),
    "a main that is only a teaser": (
        f"{_NAV}<main><p>welcome</p></main><div id=content><h1>rye</h1><p>{LOREM}</p><p>{LOREM}</p></div>{_FOOTER}"
    ),
    "a teaser card as the only article": (
        f"<h1>rye bread</h1><p>{LOREM}</p><article class=card><h3><a href=/next>wheat bread</a></h3><p>also good</p>"
        f"</article><p>{LOREM}</p>"
    ),
    "text beside main": (
        f"<main><h1>rye</h1><p>{LOREM}</p></main><section><h2>delivery</h2><p>we deliver on friday</p></section>"
        f"<div class=links><a href=/a>ALPHA</a> <a href=/b>BETA</a></div>"
    ),
    "Docusaurus": (
        "<div id=__docusaurus><div role=region><a href=#main>SKIP TO MAIN CONTENT</a></div>"
        "<nav class=navbar><a href=/>HOME</a><button>MENU</button></nav><div class=main-wrapper>"
        "<aside class=theme-doc-sidebar-container><ul><li><a href=/intro>INTRO</a><li><a href=/api>API</a></ul></aside>"
        "<main><div class=row><div class=col><article><nav class=breadcrumbs><a href=/>DOCS</a></nav>"
        "<div class=markdown><header><h1>install<a class=hash-link href=#install>#</a></h1></header>"
        "<ul role=tablist><li role=tab>npm<li role=tab>yarn</ul>"
        "<div role=tabpanel><div class=code><pre><code>npm install rye</code></pre><div class=buttonGroup>"
        "<button class=clean-btn aria-label='Copy code to clipboard'>COPY</button></div></div></div>"
        "<div role=tabpanel hidden><pre><code>yarn add rye</code></pre></div>"
        "<details><summary>why</summary><p>rye is fast</p></details>"
        "<div class='theme-admonition admonition-note'><p>note well</p></div></div>"
        "<footer><a href=/edit>EDIT THIS PAGE</a></footer></article>"
        "<nav class=pagination-nav><a href=/next>NEXT USAGE</a></nav></div><div class=col>"
        "<div class=table-of-contents><ul><li><a href=#install>install</a></ul></div></div></div></main></div>"
        f"{_FOOTER}</div>"
    ),
    "Sphinx with the theme of Read the Docs": (
        "<div class=wy-grid-for-nav><nav class=wy-nav-side><a href=index.html>PROJECT</a></nav>"
        "<section class=wy-nav-content-wrap><nav><a href=index.html>PROJECT</a></nav><div class=wy-nav-content>"
        "<div class=rst-content><div role=navigation aria-label='Page navigation'><ul><li><a href=/>TOP</a></ul></div>"
        f"<div role=main class=document><section id=rye><h1>rye<a class=headerlink href=#rye>¶</a></h1><p>{LOREM}</p>"
        "<aside class=sidebar><p class=sidebar-title>history</p><p>rye is old</p></aside>"
        "<aside class=footnote-list><aside class=footnote role=note><p>from a letter</p></aside></aside>"
        "<div class=highlight><pre>grind()</pre></div></section></div><footer><div role=navigation>"
        "<a href=next.html>NEXT</a></div><hr><p>© COPYRIGHT 2024, ANN.</p>BUILT WITH <a href=/s>SPHINX</a></footer>"
        "</div></div></section></div>"
    ),
    "Sphinx with a classic theme": (
        "<div class=related role=navigation><h3>NAVIGATION</h3><ul><li><a href=next.html>NEXT</a></ul></div>"
        f"<div class=document><div class=documentwrapper><div class=body role=main><h1>rye</h1><p>{LOREM}</p></div>"
        "</div><div class=sphinxsidebar role=navigation><h3>THIS PAGE</h3></div></div><div class=footer>© COPYRIGHT "
        "2024. THIS PAGE IS LICENSED UNDER SOME LICENSE. SEE <a href=/l>LICENSE</a> FOR MORE.</div>"
    ),
    "mdBook": (
        "<div id=body-container><nav id=sidebar><ol><li><a href=a.html>INTRO</a></ol></nav><div class=page-wrapper>"
        "<div id=menu-bar class='menu-bar sticky'><button class=icon-button>TOGGLE</button>"
        "<h1 class=menu-title>THE BOOK OF RYE</h1><a href=print.html>PRINT</a></div><div id=content class=content>"
        f"<main><h2 id=rye><a class=header href=#rye>rye</a></h2><p>{LOREM}</p></main>"
        "<nav class=nav-wrapper><a href=b.html>NEXT</a></nav></div></div></div>"
    ),
    "MkDocs Material": (
        "<div data-md-component=announce><aside class=md-banner></aside></div><header class='md-header' "
        "data-md-component=header><nav class=md-header__inner><a href=.>PROJECT</a><form><button>SEARCH</button></form>"
        "</nav></header><div class=md-container><main class=md-main><div class=md-main__inner><div class=md-sidebar>"
        "<nav><ul><li><a href=.>HOME</a></ul></nav></div><div class=md-content><article class=md-content__inner>"
        f"<h1>rye</h1><p>{LOREM}</p><details class=note><summary>note</summary><p>keep it dry</p></details>"
        "<table><tr><th>kind<th>days<tr><td>rye<td>ten</table></article></div></div></main>"
        "<footer class=md-footer><p>MADE WITH MATERIAL</p></footer></div>"
    ),
    "WordPress": (
        "<div id=page><a class=skip-link href=#content>SKIP TO CONTENT</a><header id=masthead class=site-header>"
        "<p class=site-title><a href=https://example.org/>EXAMPLE</a></p><p class=site-description>BREAD AND MORE</p>"
        f"{_NAV}</header><div id=content><main id=main><article class=post><header class=entry-header>"
        f"<h1 class=entry-title>rye</h1></header><div class=entry-content><p>{LOREM}</p><figure><img>"
        "<figcaption>fresh</figcaption></figure><blockquote><p>bread is life</p><footer>a miller</footer></blockquote>"
        "</div><footer class=entry-footer>posted in may by ann</footer></article>"
        "<nav class=post-navigation><a href=/older>OLDER</a></nav><div id=comments><h2>one thought</h2><ol><li>"
        "<article class=comment-body><footer class=comment-meta><b>bob</b> says</footer><div><p>i bake it daily</p>"
        "</div><div class=reply><button class=reply>REPLY</button></div></article></ol></div></main>"
        "<aside id=secondary class=widget-area><section class=widget><h2>RECENT POSTS</h2><ul><li><a href=/a>OATS</a>"
        "</ul></section><section class=widget><p>I AM A BAKER FROM THE NORTH WHO LIKES TO TRAVEL</p></section></aside>"
        f"</div>{_FOOTER}</div>"
    ),
    "a forum": (
        f"{_NAV}<h1>rye does not rise</h1>"
        + "".join(
            f"<article><header><span>{name}</span></header><p>{LOREM}</p><footer>joined in may</footer>"
            "<button>REPLY</button><button type=button>LIKE</button></article>"
            for name in ("ann", "bob", "cem")
        )
        + f"<div class=related-topics><a href=/t/1>OATS RISE</a> <a href=/t/2>SALT</a></div>{_FOOTER}"
    ),
    "a wiki": (
        "<div class=vector-header-container><header class=vector-header><a href=/>WIKI</a></header></div>"
        "<main id=content><header><nav>CONTENTS <a href=#a>A</a></nav><h1>rye</h1></header><div id=bodyContent>"
        "<div role=note class=hatnote>this is about the grain</div><table class=infobox><tr><th>kingdom<td>plants"
        f"</table><p>{LOREM}</p><div class=reflist><ol><li>a letter</ol></div>"
        "<div role=navigation class=navbox><a href=/w>CEREALS</a></div></div></main>"
        "<div class=vector-column><div class=nav><a href=/x>TOOLS</a></div></div><footer class=mw-footer>LAST EDITED"
        "</footer>"
    ),
    "a list of questions": (
        "<main><h1>help</h1><div><h2><button type=button aria-expanded=false>how do i return a kettle</button></h2>"
        "<div hidden>send it within thirty days</div></div><button class=accordion>shipping</button>"
        "<div class=panel>we ship on friday</div><div class=q onclick='show(1)'>may i pay later</div>"
        "<div style='height: 0px; display: none;'>you may</div><dl><dt>is it safe<dd style='display:none'>it is</dl>"
        "<div class=expand-control>more</div><div class=expand-content style='display:none'>rye is old</div>"
        "<h3><a href=#a4>who are you</a></h3><div id=a4 style='display:none;'>two bakers</div></main>"
        "<script>RUN()</script>"
    ),
    "a product with tabs, a closed dialog and a banner": (
        "<div id=cookie-banner role=dialog><p>WE USE COOKIES TO IMPROVE YOUR EXPERIENCE AND TO MEASURE OUR AUDIENCE</p>"
        f"<button>ACCEPT</button></div>{_NAV}<main><h1>kettle</h1><p>{LOREM}</p><button>ADD TO CART</button>"
        "<button role=tab aria-controls=t1>size</button><button role=tab aria-controls=t2>care</button>"
        "<div id=t1>two litres</div><div id=t2 style='display:none'>rinse it</div>"
        "<dialog id=sizes><p>SIZE TABLE</p></dialog><div popover id=p>POPOVER</div></main>"
    ),
    "a menu that a button opens": (
        "<button aria-controls=m aria-expanded=false class=menu-toggle>MENU</button><ul id=m hidden>"
        f"<li><a href=/>HOME</a><li><a href=/a>ABOUT US</a></ul><h1>rye</h1><p>{LOREM}</p>"
    ),
    "an open dialog, a template and a shadow root": (
        "<dialog open><p>we moved</p></dialog><template><p>ROW</p></template><rye-card>"
        f"<template shadowrootmode=open><p>inside</p></template></rye-card><p>{LOREM}</p>"
    ),
    "quotations, callouts and asides": (
        f"<h1>backups</h1><p>{LOREM}</p><aside class=danger><p>it overwrites <a href=/l>the ledger of the mill</a></p>"
        "</aside><aside><p>a word on the side</p></aside><figure><blockquote>stay dry</blockquote><footer>a sailor"
        "</footer></figure><section><p>more</p><footer>written in may</footer></section>"
        "<aside class=sidebar><h3>ABOUT</h3><p>I BAKE</p></aside>"
    ),
    "what is hidden in many ways": (
        f"<h1>bicycles</h1><p>{LOREM}</p><div style='display:none'>CASINO</div><p hidden>BONUS</p>"
        "<span style='color:red;visibility:hidden'>JACKPOT</span><p style='DISPLAY : NONE !important'>POKER</p>"
        "<table><tr><td>one<td style='display:none'>TWO<td>three</table><input type=hidden value=NO>"
        "<select><option>RED<option>BLUE</select><noscript>NO SCRIPT</noscript><p hidden=until-found>folded</p>"
        "<p style='backface-visibility:hidden'>shown</p><video>NO VIDEO</video><canvas>NO CANVAS</canvas>"
    ),
    "an application that shows its page late": (
        "<div class=loader>wait</div>"
        f"<div id=app style='visibility: hidden'><h1>rye</h1>{f'<p>{LOREM}</p>' * 5}</div><script>RUN()</script>"
    ),
    "a page that React streams": (
        "<main><h1>rye</h1><template id=B:0></template><p>loading</p></main>"
        f"<div hidden id=S:0><p>{LOREM}</p></div><script>$RC('B:0')</script>"
    ),
    "a page for browsers without scripts": (
        "<div id=root></div><script>RUN()</script><noscript>YOU NEED TO ENABLE JAVASCRIPT</noscript>"
        f"<noscript><h1>rye</h1><p>{LOREM}</p></noscript>"
    ),
    "a mail": (
        "<div style='display:none;max-height:0'>PREVIEW OF THE MAIL</div><table><tr><td><table><tr><td><h1>your order"
        f"</h1><p>one copper kettle</p></td></tr></table></td></tr></table><div>{LOREM}</div>"
    ),
    "DocBook": (
        "<div class=navheader><table><tr><td><a href=p>PREV</a><td>CHAPTER 5. RYE<td><a href=n>NEXT</a></table></div>"
        f"<div class=chapter><h2>rye</h2><p>{LOREM}</p><div class=footnotes><p>a letter</p></div></div>"
        "<div class=navfooter><a href=n>NEXT</a> OATS</div>"
    ),
    "a landing page of sections": (
        "<div id=app><header class=hero><h1>grind at home</h1><p>fast</p>"
        "<button>START</button></header><section><header><h2>how</h2></header><p>turn the wheel</p></section><section>"
        "<h2>prices</h2><ul><li><a href=/s>small mill</a> ten euros<li><a href=/l>large mill</a> twenty euros</ul>"
        f"</section>{_FOOTER}</div>"
    ),
    "figures and forms": (
        "<figure><svg><title>DIAGRAM</title><text>miller</text><text>baker</text></svg></figure>"
        "<form><label>name</label><textarea>dear\n  miller</textarea><button type=submit>SEND</button></form>"
        "<p>press <button>save</button> to store</p>"
    ),
}
