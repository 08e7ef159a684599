"""Style and script of the HTML report. Reading works without the script; it shows one explanation at a time."""

from __future__ import annotations

from workbench.views.bearers import BEARERS_STYLE
from workbench.views.html_media import MEDIA_STYLE
from workbench.views.ladder_picture import HEAD_SCRIPT, HEAD_STYLE, SVG_STYLE
from workbench.views.octets import OCTETS_SCRIPT, OCTETS_STYLE
from workbench.views.palette import themed
from workbench.views.roles import ROLES_STYLE

_VIEWS_STYLE = HEAD_STYLE + SVG_STYLE + OCTETS_STYLE + ROLES_STYLE + BEARERS_STYLE + MEDIA_STYLE
PAGE_STYLE = themed(".wb-page") + _VIEWS_STYLE + """
*{box-sizing:border-box}
.wb-page{margin:0;background:var(--wb-paper);color:var(--wb-ink);
font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
.wb-page header,.wb-page main{max-width:100rem;margin:0 auto;padding:0 clamp(1rem,3vw,3rem)}
.wb-page header{padding-top:2rem}
.wb-page h1{font-size:1.6rem;margin:0}
.wb-page h2{font-size:1.35rem;margin:2.5rem 0 .4rem;text-wrap:balance}
.wb-page h3{font-size:1.05rem;margin:1.8rem 0 .5rem}
.wb-page .scenario{border-top:1px solid var(--wb-line);margin-top:2rem}
.wb-page .lead{max-width:52rem}
.wb-page a{color:var(--wb-accent)}
.wb-page :focus-visible{outline:2px solid var(--wb-accent);outline-offset:2px}
.wb-page .quiet,.wb-page cite{color:var(--wb-quiet)}
.wb-page cite{font-style:normal}
.wb-page .scroll{overflow:auto}
.wb-page .skip{position:absolute;left:-99rem}
.wb-page .skip:focus{left:1rem;top:1rem;background:var(--wb-paper);padding:.5rem}
.wb-page nav ul{list-style:none;padding:0;display:flex;gap:.5rem 2rem;flex-wrap:wrap}
.wb-page .badge{display:inline-block;border:1px solid currentColor;border-radius:99px;padding:0 .6em;font-size:.82rem;
font-weight:600;white-space:nowrap;margin-right:.4em}
.wb-page .panel .badge{white-space:normal;border-radius:6px}
.wb-page .badge.pass,.wb-page .badge.good{color:var(--wb-good)}
.wb-page .badge.fail{color:var(--wb-bad)}
.wb-page .badge.unsure{color:var(--wb-unsure)}
.wb-page table.list{border-collapse:collapse}
.wb-page table.list td,.wb-page table.list th{text-align:left;vertical-align:top;padding:.3em .9em .3em 0;
border-bottom:1px solid var(--wb-line)}
.wb-page .facts{display:flex;flex-wrap:wrap;gap:0 4rem}
.wb-page .facts>div{min-width:0;max-width:100%}
.wb-page .findings{padding-left:1.2em}
.wb-page .tag{font:600 .8em ui-monospace,Menlo,Consolas,monospace;border:1px solid var(--wb-line);border-radius:4px;
padding:.1em .4em}
.wb-page .panel{content-visibility:auto;contain-intrinsic-size:auto 30em;
border-top:1px solid var(--wb-line);padding:.8rem .6rem;outline-offset:-2px}
.wb-page .panel h4{margin:.2em 0;overflow-wrap:anywhere}
.wb-page .panel p{margin:.3em 0}
.wb-page pre{font:12.5px/1.5 ui-monospace,"SF Mono",Menlo,Consolas,monospace;overflow:auto;margin:.4em 0;
max-height:60vh;background:var(--wb-panel);border:1px solid var(--wb-line);border-radius:6px;padding:.6em .8em}
.wb-page pre.raw{white-space:pre-wrap;overflow-wrap:anywhere;max-height:22em}
.wb-page table.list caption{text-align:left;color:var(--wb-quiet);padding:.3em 0}
.wb-page table.list tbody th{font-weight:600}
.wb-page code{overflow-wrap:anywhere}
.wb-page .comment{border-left:3px solid var(--wb-line);padding-left:.7em}
.wb-page .wb-octets .g{font-size:12px}
.wb-page .meanings dt{font-weight:600;margin-top:.7em}
.wb-page .meanings dd{margin:0;max-width:60rem}
.wb-page .meanings dt:target{background:var(--wb-chosen)}
.wb-page .hint{display:none}
.js .wb-page .hint{display:block}
.js .wb-page .panel:not(.chosen){display:none}
.js .wb-page .panels:has(.chosen) .hint{display:none}
.js .wb-page .picture{max-height:90vh}
@media (min-width:75em){.js .wb-page .stage{display:grid;
grid-template-columns:minmax(0,auto) minmax(26rem,1fr);gap:1.5rem;
align-items:start}.js .wb-page .panels{position:sticky;top:0;max-height:90vh;overflow:auto;padding-right:.3rem}}
@media print{.wb-page .picture{max-height:none!important;overflow:visible!important}
.wb-page .picture svg{max-width:100%;height:auto}
.wb-page nav,.wb-page .skip,.js .wb-page .meanings{display:none}
.wb-page .panel h4{break-after:avoid}}
"""

# Shows one explanation at a time with the meanings of its fields. The ladder is one stop of the Tab key: arrow keys,
# Home, End and the page keys walk it, Enter goes to the explanation, and Escape back to the message.
PAGE_SCRIPT = OCTETS_SCRIPT + HEAD_SCRIPT + """
document.documentElement.classList.add('js');
(function(){
  const main=document.querySelector('main');wbOctets(main);
  function fill(panel){panel.querySelectorAll('a.g:not(.done)').forEach(a=>{a.classList.add('done');
    const dt=document.getElementById(a.getAttribute('href').slice(1));if(!dt)return;
    const m=document.createElement('span');m.className='m';const dd=dt.nextElementSibling;
    m.append(dd.firstElementChild.textContent+' ');
    const rest=dd.querySelector('em');if(rest){const e=document.createElement('span');e.className='p';
      e.textContent=rest.textContent;m.append(e);}
    a.before(m);});}
  function bring(link){const box=link.closest('.picture'),b=box.getBoundingClientRect(),
    r=link.getBoundingClientRect();
    if(r.top<b.top+40)box.scrollTop+=r.top-b.top-40;else if(r.bottom>b.bottom)box.scrollTop+=r.bottom-b.bottom+8;}
  function linkOf(panel){return panel.closest('.stage').querySelector('a.wb-m[href="#'+panel.id+'"]');}
  function show(id,focus){const panel=document.getElementById(id);
    if(!panel||!panel.classList.contains('panel'))return false;
    const stage=panel.closest('.stage');
    stage.querySelectorAll('.panel.chosen,a.wb-m.chosen').forEach(n=>{n.classList.remove('chosen');
      if(n.matches('a')){n.removeAttribute('aria-current');n.setAttribute('tabindex','-1');}});
    panel.classList.add('chosen');fill(panel);
    const link=linkOf(panel);
    if(link){link.classList.add('chosen');link.setAttribute('aria-current','true');link.setAttribute('tabindex','0');
      bring(link);}
    stage.querySelector('.panels').scrollTop=0;
    if(focus)panel.focus({preventScroll:true});return true;}
  document.addEventListener('click',e=>{const a=e.target.closest('a[href^="#s"]');if(!a)return;
    const id=a.getAttribute('href').slice(1),picked=a.classList.contains('wb-m');
    if(show(id,!picked||e.detail===0)){e.preventDefault();history.replaceState(null,'','#'+id);
      const panel=document.getElementById(id);
      if(!picked)panel.closest('.stage').scrollIntoView();
      else if(innerWidth<1200||e.detail===0)panel.scrollIntoView({block:'nearest'});}});
  const steps={ArrowDown:1,ArrowUp:-1,PageDown:10,PageUp:-10,Home:-1e9,End:1e9};
  document.addEventListener('keydown',e=>{const at=e.target;if(!at.closest)return;
    const panel=at.closest('.panel');
    if(panel&&e.key==='Escape'){const link=linkOf(panel);if(link){e.preventDefault();link.focus();}return;}
    const a=at.closest('a.wb-m');if(!a||!(e.key in steps)||e.ctrlKey||e.altKey||e.metaKey)return;
    const all=[...a.closest('svg').querySelectorAll('a.wb-m')];
    const next=all[Math.max(0,Math.min(all.length-1,all.indexOf(a)+steps[e.key]))];
    e.preventDefault();show(next.getAttribute('href').slice(1),false);next.focus();});
  document.querySelectorAll('.picture').forEach(wbHead);
  document.querySelectorAll('.stage').forEach(stage=>{
    stage.querySelectorAll('a.wb-m').forEach(a=>a.setAttribute('tabindex','-1'));
    const first=stage.querySelector('.panel');if(first)show(first.id,false);});
  if(location.hash)show(location.hash.slice(1),false);
})();
"""
