// Colours have a contrast of at least 4.5:1 against what they stand on, in the light and in the dark scheme
// (WCAG 2.2 §1.4.3); what a colour says is always said by a word or a shape too.
#include "reports/formats/html_parts.h"

namespace demarc {

std::string_view html_style() {
  return R"css(
:root{color-scheme:light dark;
--paper:#ffffff;--panel:#f5f7f9;--ink:#18212c;--soft:#525e6c;--line:#d5dbe2;--link:#1c4f86;--code:#eef1f4;
--critical:#971b2f;--high:#b23c07;--medium:#835c00;--low:#23569f;--info:#55616f;--good:#1b6840;--on:#ffffff;
--critical-soft:#fbeef0;--medium-soft:#fbf5e6;--good-soft:#ecf6f0}
@media screen and (prefers-color-scheme:dark){:root{
--paper:#12171d;--panel:#1a2129;--ink:#e6eaef;--soft:#a3afbc;--line:#303a45;--link:#8dbcf0;--code:#202933;
--critical:#ff8c9b;--high:#ffa06b;--medium:#e9bd57;--low:#86b5f5;--info:#a9b5c2;--good:#74cf9d;--on:#10151a;
--critical-soft:#2c1a1f;--medium-soft:#29231a;--good-soft:#17261f}}
*{box-sizing:border-box}
html{font-size:15px;-webkit-text-size-adjust:100%}
body{margin:0;background:var(--paper);color:var(--ink);font:1rem/1.5 system-ui,-apple-system,"Segoe UI","Helvetica Neue",Arial,"Liberation Sans",sans-serif;overflow-wrap:anywhere}
.sheet{max-width:70rem;margin:0 auto;padding:2.5rem 2rem 4rem}
a{color:var(--link);text-decoration-thickness:1px;text-underline-offset:2px}
a:focus-visible,.scroll:focus-visible{outline:2px solid var(--link);outline-offset:2px}
.skip{position:absolute;left:-99rem}
.skip:focus{left:1rem;top:1rem;background:var(--paper);padding:.5rem 1rem}
.defs{position:absolute;width:0;height:0;overflow:hidden}
h1,h2,h3,h4,h5{line-height:1.25;margin:0;font-weight:650;text-wrap:balance}
h1{font-size:2rem;letter-spacing:-.015em}
h2{font-size:1.3rem;margin:2.75rem 0 .9rem;padding-top:1rem;border-top:1px solid var(--line)}
h3{font-size:1.05rem;margin:1.75rem 0 .6rem}
p{margin:.4rem 0}
.eyebrow{margin:0 0 .35rem;font-size:.8rem;letter-spacing:.09em;text-transform:uppercase;color:var(--soft);font-weight:600}
.byline{margin:.5rem 0 0;color:var(--soft)}
.soft,.none{color:var(--soft)}
code,pre,.mono{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono",monospace;font-size:.87em}
nav ul{list-style:none;display:flex;flex-wrap:wrap;gap:.3rem 1.25rem;margin:1.25rem 0 0;padding:0;font-size:.92rem}
.verdict{display:flex;gap:1.1rem;margin:1.5rem 0 1.25rem;padding:1.25rem 1.4rem;border:1px solid var(--line);border-left:6px solid var(--tone);background:var(--tone-soft);border-radius:4px}
.verdict svg{flex:none;width:2.6rem;height:2.6rem;color:var(--tone)}
.verdict p{margin:.3rem 0 0;font-size:1.05rem}
.verdict .word{margin:0;font-size:1.45rem;font-weight:700;line-height:1.25;color:var(--tone)}
.verdict .caveat{font-weight:600}
.violates{--tone:var(--critical);--tone-soft:var(--critical-soft)}
.inconclusive{--tone:var(--medium);--tone-soft:var(--medium-soft)}
.conforms{--tone:var(--good);--tone-soft:var(--good-soft)}
.critical{--c:var(--critical)}.high{--c:var(--high)}.medium{--c:var(--medium)}.low{--c:var(--low)}.info,.gap{--c:var(--info)}
.tiles{list-style:none;display:grid;grid-template-columns:repeat(7,1fr);gap:.6rem;margin:0;padding:0}
.tiles li{border:1px solid var(--line);border-top:4px solid var(--c,var(--line));border-radius:4px;padding:.55rem .75rem .6rem}
.tiles b{display:block;font-size:1.75rem;line-height:1.2;font-weight:650;font-variant-numeric:tabular-nums;color:var(--c,var(--ink))}
.tiles .zero b{color:var(--soft);font-weight:400}
.tiles span{font-size:.87rem;color:var(--soft)}
.bar{display:block;width:100%;height:.65rem;margin:.8rem 0 0;border-radius:2px}
.bar rect{fill:var(--c)}
.badge{display:inline-block;min-width:4.6rem;padding:.08rem .5rem;border-radius:3px;background:var(--c);color:var(--on);font-size:.78rem;font-weight:650;text-align:center;letter-spacing:.02em;white-space:nowrap}
.mark{display:inline-block;padding:0 .45rem;border:1px solid currentColor;border-radius:3px;font-size:.78rem;font-weight:600;color:var(--soft);white-space:nowrap}
.mark.bad{color:var(--critical)}.mark.good{color:var(--good)}
.worst{list-style:none;margin:0;padding:0;border-top:1px solid var(--line)}
.worst li{display:grid;grid-template-columns:5.4rem 1fr;gap:0 1rem;padding:.75rem 0;border-bottom:1px solid var(--line);break-inside:avoid}
.worst .badge{align-self:start;margin-top:.15rem}
.worst h3{margin:0}
.worst h3 a{color:inherit;text-decoration-color:var(--line)}
.worst p{margin:.15rem 0 0}
.subject{color:var(--soft);font-size:.93rem}
.remedy-line b{font-weight:650}
.steps{margin:.3rem 0;padding-left:1.4rem}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:.92rem}
caption{text-align:left;color:var(--soft);padding:0 0 .45rem;font-size:.92rem}
th,td{text-align:left;vertical-align:top;padding:.42rem .7rem .42rem 0;border-bottom:1px solid var(--line)}
thead th{font-size:.8rem;font-weight:650;color:var(--soft);border-bottom:2px solid var(--line);white-space:nowrap}
tbody th{font-weight:600}
tbody td,tbody th{min-width:6.1rem}
tbody th{min-width:7rem}
tbody td.number{min-width:3rem}
td.number{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
th.number{text-align:right}
.sub{display:block;font-weight:400;color:var(--soft);font-size:.92em}
td.nowrap,.nowrap{white-space:nowrap;overflow-wrap:normal}
.rules{min-width:52rem}
.findings-index{min-width:44rem}
.hash{font-size:.75em;color:var(--soft);word-break:break-all}
.facts{display:grid;grid-template-columns:max-content 1fr;gap:.3rem 1.25rem;margin:.6rem 0;font-size:.95rem}
.facts dt{color:var(--soft)}
.facts dd{margin:0;min-width:0}
.finding{margin:1.1rem 0;padding:1rem 1.15rem;border:1px solid var(--line);border-left:4px solid var(--c,var(--line));border-radius:4px}
.finding .facts{grid-template-columns:max-content 1fr max-content 1fr}
.finding .facts dt.wide{grid-column:1}
.finding .facts dd.wide{grid-column:2/-1}
.finding:target,tr:target{background:var(--medium-soft)}
.finding .head{display:flex;flex-wrap:wrap;gap:.3rem .8rem;align-items:baseline}
.finding .title{flex:1 1 16rem;margin:0;font-size:1.03rem}
.finding .label{margin:.85rem 0 .2rem;font-size:.8rem;font-weight:650;color:var(--soft)}
.finding .id{font-size:.85rem}
.proof{list-style:none;margin:0;padding:0}
.proof li{padding:.2rem 0}
.proof .place{color:var(--soft);font-size:.92em}
.proof code{display:block;background:var(--code);padding:.25rem .6rem;border-radius:3px;white-space:pre-wrap}
pre{margin:.4rem 0 0;padding:.6rem .8rem;background:var(--code);border-radius:3px;white-space:pre-wrap;line-height:1.45}
.matrix{margin:0 0 1rem}
.matrix figure{margin:0 0 .6rem}
.matrix svg{display:block}
.matrix text{font-size:12px;fill:var(--ink);font-family:inherit}
.matrix .from{font-weight:650}
.matrix .band{fill:var(--panel)}
.matrix .rule{stroke:var(--line)}
.matrix a:focus-visible{outline:2px solid var(--link)}
.legend{list-style:none;display:flex;flex-wrap:wrap;gap:.35rem 1.4rem;margin:.4rem 0 0;padding:0;font-size:.88rem;color:var(--soft)}
.legend li{display:flex;align-items:center;gap:.45rem}
.legend svg{width:1.35rem;height:1.35rem;flex:none}
.solid-bad{fill:var(--critical)}.solid-warn{fill:var(--high)}.on{stroke:var(--on);fill:none;stroke-width:2.4;stroke-linecap:round;stroke-linejoin:round}
.box-good{fill:var(--good-soft);stroke:var(--good);stroke-width:1.4}.line-good{stroke:var(--good);fill:none;stroke-width:2.2;stroke-linecap:round;stroke-linejoin:round}
.box-warn{fill:var(--medium-soft);stroke:var(--medium);stroke-width:1.4}.line-warn{stroke:var(--medium);fill:none;stroke-width:2}
.box-open{fill:none;stroke:var(--info);stroke-width:1.2;stroke-dasharray:3 2.4}.line-open{stroke:var(--info);fill:none;stroke-width:1.8;stroke-linecap:round}
.dot-open{fill:var(--info)}.disc{fill:var(--paper);stroke:var(--line);stroke-width:1.5}
.sign td{height:3.4rem}
.sign th{width:18%}
footer{margin-top:3rem;padding-top:1rem;border-top:1px solid var(--line);color:var(--soft);font-size:.87rem}
@media (max-width:46rem){
.sheet{padding:1.25rem 1rem 3rem}
h1{font-size:1.55rem}
.tiles{grid-template-columns:repeat(2,1fr)}
.verdict{padding:1rem;gap:.8rem}
.worst li{grid-template-columns:1fr;gap:.35rem}
.worst .badge{justify-self:start}
.facts,.finding .facts{grid-template-columns:1fr;gap:0}
.finding .facts dd.wide{grid-column:auto}
.facts dd{margin-bottom:.45rem}}
@page{size:A4;margin:16mm 15mm 18mm;@bottom-left{content:"demarc boundary verification";font:8pt sans-serif;color:#525e6c}@bottom-right{content:counter(page) " / " counter(pages);font:8pt sans-serif;color:#525e6c}}
@media print{
:root{color-scheme:light}
html{font-size:9.4pt}
*{print-color-adjust:exact;-webkit-print-color-adjust:exact}
.sheet{max-width:none;padding:0}
nav,.skip{display:none}
a{color:inherit;text-decoration:none}
h2,h3,.label,caption,thead{break-after:avoid}
h2{margin-top:1.6rem}
.technical{break-before:page}
.technical>h2:first-child{margin-top:0;border-top:0;padding-top:0}
.scroll{overflow:visible}
.rules,.findings-index{min-width:0}
thead{display:table-header-group}
tr,.verdict,.steps,.tiles,.matrix figure,.sign,.proof li{break-inside:avoid}
.finding{break-inside:avoid-page}
.matrix figure svg{max-width:100%;height:auto}
p,li{orphans:3;widows:3}}
)css";
}

}  // namespace demarc
